/** The page of models: those that are installed and those that can be fetched, by what they are for. */
import { css, html, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import { icon } from "../elements/icons.js";
import "../elements/qp-confirm.js";
import type { QpConfirm } from "../elements/qp-confirm.js";
import "../elements/qp-dialog.js";
import { StudioElement } from "../elements/studio-element.js";
import { bytes } from "../i18n/amounts.js";
import { t } from "../i18n/text.js";
import type { Broken, CatalogueModel, Model } from "../net/types.js";
import { MODELS_NOTICE, questionFor } from "../store/model-shelf.js";
import type { ModelRoom, Notice, State } from "../store/state.js";
import { sectionLook } from "../bricks-page/section-look.js";
import { noticeLook } from "../styles/notice.js";
import { base, controls } from "../styles/shared.js";
import { type ModelGroup, fileName, grouped, kindName } from "./model-search.js";
import "./qp-model-row.js";
import type { ModelWished, QpModelRow } from "./qp-model-row.js";

interface View {
  open: boolean;
  catalogue: readonly CatalogueModel[];
  own: readonly Model[];
  broken: readonly Broken[];
  unknown: readonly Broken[];
  room: ModelRoom | undefined;
  at: string | undefined;
  fault: Notice | undefined;
  announcement: string;
}

@customElement("qp-models")
export class QpModels extends StudioElement<View> {
  @state() private search = "";
  @query("qp-confirm") private readonly confirm!: QpConfirm;
  @query(".page") private readonly page!: HTMLElement | null;
  #wasOpen = false;
  /** The model that was last brought into view, because the page was opened for it. */
  #revealed: string | undefined;

  protected view(state: State): View {
    return {
      open: state.panel === "models",
      catalogue: state.catalogue,
      own: state.ownModels,
      broken: state.brokenModels,
      unknown: state.unknownModels,
      room: state.modelRoom,
      at: state.modelAt,
      fault: state.notices.find((notice) => notice.key === MODELS_NOTICE),
      announcement: state.announcement,
    };
  }

  override updated(): void {
    const { open, at } = this.current;
    if (open && !this.#wasOpen) {
      this.search = "";
      void this.studio.shelf.load();
    }
    if (!open || at === undefined) this.#revealed = undefined;
    this.#wasOpen = open;
    if (open && at !== this.#revealed && this.current.catalogue.length > 0) void this.#reveal(at);
  }

  async #reveal(name: string | undefined): Promise<void> {
    this.#revealed = name;
    const rows = [...this.renderRoot.querySelectorAll<QpModelRow>("qp-model-row")];
    // Rows that are not drawn yet have no height.
    await Promise.all(rows.map((row) => row.updateComplete));
    const [row, page] = [rows.find((known) => known.named), this.page];
    if (!row || !page) return;
    // Not `scrollIntoView`, which would move the window's heading too.
    const offset = row.getBoundingClientRect().top - page.getBoundingClientRect().top;
    page.scrollTop += offset - (page.clientHeight - row.offsetHeight) / 2;
  }

  #close(): void {
    if (this.studio.store.state.panel === "models") this.studio.store.set({ panel: undefined, modelAt: undefined });
  }

  async #wished({ detail: { wish, model } }: ModelWished): Promise<void> {
    const { shelf } = this.studio;
    switch (wish) {
      case "get":
        return this.#get(model);
      case "resume":
        return shelf.pull(model.name);
      case "stop":
        return shelf.stop(model.name);
      case "discard":
        return shelf.discard(model.name);
      case "remove":
        return this.#remove(model);
    }
  }

  async #get(model: CatalogueModel): Promise<void> {
    const size = await this.studio.shelf.measure(model.name);
    if (!size) return;
    const message = questionFor(model, size);
    const title = t("models.askTitle", { name: model.label });
    if (message !== undefined && !(await this.confirm.ask({ title, message, action: t("models.get"), harmless: true }))) return;
    await this.studio.shelf.pull(model.name);
  }

  async #remove(model: CatalogueModel): Promise<void> {
    const message = t("models.removeMessage", { path: model.path ?? model.name });
    const sure = await this.confirm.ask({ title: t("models.removeTitle", { name: model.label }), message, action: t("models.remove") });
    if (sure) await this.studio.shelf.remove(model);
  }

  #fault({ key, title, message }: Notice) {
    return html`<div class="notice error" role="alert">
      ${icon("alert")}
      <div class="words"><strong>${title}</strong><p>${message}</p></div>
      <button class="icon-button small" type="button" aria-label=${t("notice.dismiss", { title })} @click=${() => this.studio.store.dismiss(key)}>${icon("close")}</button>
    </div>`;
  }

  #group({ kind, models }: ModelGroup, at: string | undefined) {
    return html`<section>
      <h3 id=${kind}>${kindName(kind)}</h3>
      <ul class="rows" aria-labelledby=${kind}>
        ${repeat(
          models,
          (model) => model.name,
          (model) => html`<li><qp-model-row .model=${model} ?named=${model.name === at}></qp-model-row></li>`,
        )}
      </ul>
    </section>`;
  }

  #own(models: readonly Model[]) {
    if (models.length === 0) return nothing;
    return html`<section>
      <h3 id="own">${t("models.own")}</h3>
      <ul class="rows" aria-labelledby="own">
        ${models.map(
          (model) => html`<li class="row">
            <div class="words"><strong>${model.label}</strong><p>${model.family}, ${bytes(model.bytes)}</p><code>${model.path}</code></div>
          </li>`,
        )}
      </ul>
    </section>`;
  }

  /** What is in the folders and can't be used, or holds no model that is known here; open at once where something can be done about it here. */
  #broken(broken: readonly Broken[]) {
    if (broken.length === 0) return nothing;
    const many = t("models.brokenMany", { count: String(broken.length) });
    return html`<details class="broken" ?open=${broken.some(({ get }) => get)}>
      <summary>${icon("alert")}<span>${broken.length === 1 ? t("models.brokenOne") : many}</span></summary>
      <ul class="rows">
        ${broken.map(
          ({ path, message, get }) => html`<li class="row">
            <div class="words"><strong>${fileName(path)}</strong><p>${message}</p><code>${path}</code></div>
            ${this.#parts(get)}
          </li>`,
        )}
      </ul>
    </details>`;
  }

  /** The way to the model of the catalogue that has what a network alone lacks. */
  #parts(name: string | null | undefined) {
    const model = this.current.catalogue.find((known) => known.name === name);
    if (model?.state !== "available") return nothing;
    return html`<div class="acts">
      <button class="button small primary" type="button" @click=${() => void this.#get(model)}>${t("models.getParts", { name: model.label })}</button>
    </div>`;
  }

  #room({ folder, free }: ModelRoom) {
    return html`<p class="room">${free === undefined ? t("models.folder", { folder }) : t("models.room", { folder, free: bytes(free) })}</p>`;
  }

  #page({ catalogue, room, own, broken, unknown, at, fault, announcement }: View) {
    const groups = grouped(catalogue, this.search);
    return html`<div class="page" @qp-wish=${(event: ModelWished) => void this.#wished(event)}>
      <div class="head">
        <input
          class="input"
          type="search"
          autocomplete="off"
          data-first-focus
          aria-label=${t("models.search")}
          placeholder=${t("models.search")}
          .value=${live(this.search)}
          @input=${(event: Event) => (this.search = (event.target as HTMLInputElement).value)}
        />
        ${room ? this.#room(room) : nothing}
      </div>
      ${fault ? this.#fault(fault) : nothing} ${this.search === "" ? this.#broken([...broken, ...unknown]) : nothing}
      ${groups.map((group) => this.#group(group, at))}
      ${groups.length === 0 && catalogue.length > 0 ? html`<p class="none">${t("models.none")}</p>` : nothing}
      ${this.search === "" ? this.#own(own) : nothing}
      <div class="quiet" role="status" aria-live="polite">${announcement}</div>
    </div>`;
  }

  override render() {
    const view = this.current;
    return html`
      <qp-dialog placement="wide" heading=${t("models.heading")} ?open=${view.open} @qp-close=${() => this.#close()}>
        ${view.open ? this.#page(view) : nothing}
      </qp-dialog>
      <qp-confirm></qp-confirm>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    sectionLook,
    noticeLook,
    css`
      .page {
        display: grid;
        flex: 1;
        align-content: start;
        gap: 20px;
        min-width: 0;
        min-height: 0;
        padding: 16px 24px 28px;
        background: var(--surface-sunken);
        overflow: auto;
        scrollbar-width: thin;
        scrollbar-color: var(--line-strong) transparent;
      }

      .head {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px 16px;
      }

      .head .input {
        flex: 1 1 240px;
        max-width: 420px;
      }

      .room {
        flex: 1 1 240px;
        min-width: 0;
        color: var(--text-soft);
        font-size: 13px;
        overflow-wrap: anywhere;
      }

      section,
      .broken {
        min-width: 0;
      }

      summary {
        display: flex;
        align-items: center;
        gap: 8px;
        width: fit-content;
        min-height: 32px;
        font-weight: 600;
        cursor: pointer;
      }

      summary .icon {
        color: var(--warn);
      }

      .broken .rows {
        margin-top: 8px;
      }

      .row .button {
        flex: none;
      }

      li + li {
        border-top: 1px solid var(--line);
      }

      @media (max-width: 720px) {
        .page {
          padding: 14px 14px 28px;
        }
      }
    `,
  ];
}
