/** The drawer of workflows: one's own, the factory presets, and files. */
import { css, html, nothing } from "lit";
import { customElement, query } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import "../elements/qp-confirm.js";
import type { QpConfirm } from "../elements/qp-confirm.js";
import "../elements/qp-dialog.js";
import { StudioElement } from "../elements/studio-element.js";
import { moment } from "../i18n/time.js";
import { t } from "../i18n/text.js";
import type { PresetEntry, WorkflowEntry } from "../net/types.js";
import type { State } from "../store/state.js";
import { base, controls } from "../styles/shared.js";
import { download } from "./download.js";

interface View {
  open: boolean;
  workflows: WorkflowEntry[];
  presets: PresetEntry[];
}

@customElement("qp-workflows")
export class QpWorkflows extends StudioElement<View> {
  @query("qp-confirm") private readonly confirm!: QpConfirm;
  @query("input[type=file]") private readonly picker!: HTMLInputElement;
  #wasOpen = false;

  protected view({ panel, workflows, presets }: State): View {
    return { open: panel === "workflows", workflows, presets };
  }

  override updated(): void {
    const { open } = this.current;
    if (open && !this.#wasOpen) void this.studio.library.list();
    this.#wasOpen = open;
  }

  #close(): void {
    if (this.studio.store.state.panel === "workflows") this.studio.store.set({ panel: undefined });
  }

  async #closeAfter(opening: Promise<boolean>): Promise<void> {
    await opening;
    this.#close();
  }

  async #delete(name: string): Promise<void> {
    const sure = await this.confirm.ask({
      title: t("workflows.deleteTitle", { name }),
      message: t("workflows.deleteMessage"),
      action: t("workflows.delete"),
    });
    if (sure) await this.studio.library.remove(name);
  }

  #picked(): void {
    const file = this.picker.files?.[0];
    this.picker.value = "";
    if (file) void this.#closeAfter(this.studio.library.importFile(file));
  }

  #export(): void {
    const { name, text } = this.studio.library.exportFile();
    download(name, new Blob([text], { type: "application/json" }));
  }

  #own(entry: WorkflowEntry) {
    const { name, saved_at: savedAt } = entry;
    return html`<li class="entry">
      <button class="load" type="button" @click=${() => void this.#closeAfter(this.studio.library.open(name))}>
        <strong><span class="quiet">${t("workflows.load")} </span>${name}</strong> <span>${moment(savedAt)}</span>
      </button>
      <button class="icon-button small" type="button" aria-label=${t("workflows.deleteOne", { name })} @click=${() => void this.#delete(name)}>${icon("trash")}</button>
    </li>`;
  }

  #preset(entry: PresetEntry) {
    const title = entry.title || entry.name;
    return html`<li class="entry">
      <button
        class="load"
        type="button"
        @click=${() => void this.#closeAfter(this.studio.library.openPreset(entry.name))}
      >
        <strong><span class="quiet">${t("workflows.load")} </span>${title}</strong> <span>${entry.doc}</span>
      </button>
    </li>`;
  }

  override render() {
    const { open, workflows, presets } = this.current;
    return html`
      <qp-dialog placement="left" heading=${t("workflows.heading")} ?open=${open} @qp-close=${() => this.#close()}>
        <div class="files">
          <button class="button" type="button" @click=${() => this.picker.click()}>${icon("upload")}${t("workflows.import")}</button>
          <button class="button" type="button" @click=${() => this.#export()}>${icon("download")}${t("workflows.export")}</button>
          <input type="file" accept=".json,application/json" hidden aria-label=${t("workflows.import")} @change=${() => this.#picked()} />
        </div>
        <h3 id="own">${t("workflows.own")}</h3>
        ${workflows.length === 0
          ? html`<p class="hint">${t("workflows.none")}</p>`
          : html`<ul aria-labelledby="own">
              ${workflows.map((entry) => this.#own(entry))}
            </ul>`}
        ${presets.length === 0
          ? nothing
          : html`<h3 id="presets">${t("workflows.presets")}</h3>
              <ul aria-labelledby="presets">
                ${presets.map((entry) => this.#preset(entry))}
              </ul>`}
      </qp-dialog>
      <qp-confirm></qp-confirm>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    css`
      .files {
        display: flex;
        gap: 8px;
      }

      .files .button {
        flex: 1;
      }

      h3 {
        margin: 22px 0 8px;
        color: var(--text-soft);
        font-size: 13px;
        font-weight: 600;
      }

      ul {
        display: grid;
        gap: 6px;
      }

      .entry {
        display: flex;
        align-items: center;
        gap: 4px;
        padding-right: 6px;
        border: 1px solid var(--line);
        border-radius: 12px;
        background: var(--surface-raised);
      }

      .entry:hover {
        border-color: var(--line-strong);
      }

      .load {
        flex: 1;
        min-width: 0;
        padding: 10px 12px;
        border: 0;
        border-radius: 12px;
        background: none;
        text-align: left;
      }

      strong {
        display: block;
        overflow: hidden;
        font-weight: 600;
        text-overflow: ellipsis;
      }

      .load > span {
        color: var(--text-soft);
        font-size: 13px;
      }
    `,
  ];
}
