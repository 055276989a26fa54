/** Takes a picture from a file, a drop or the clipboard, stores it on the server, and keeps its digest. */
import { css, html, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import { t } from "../i18n/text.js";
import { contentUrl } from "../net/client.js";
import { FieldElement } from "./field-element.js";

@customElement("qp-field-image")
export class QpFieldImage extends FieldElement<"image"> {
  @query("input") private readonly picker!: HTMLInputElement;
  @state() private busy = false;
  @state() private over = false;
  @state() private problem = "";

  async #take(files: FileList | null | undefined): Promise<void> {
    const file = [...(files ?? [])].find((candidate) => candidate.type.startsWith("image/"));
    if (!file) {
      this.problem = t("field.imageNone");
      return;
    }
    this.problem = "";
    this.busy = true;
    const stored = await this.studio.upload(file);
    this.busy = false;
    if (stored) this.change(stored.digest);
    else this.problem = t("field.imageFailed");
  }

  #dropped(event: DragEvent): void {
    event.preventDefault();
    this.over = false;
    void this.#take(event.dataTransfer?.files);
  }

  #dragged(event: DragEvent): void {
    event.preventDefault();
    this.over = true;
  }

  override render() {
    const digest = this.text;
    return html`
      <span class="label" id="label">${this.field.title}</span>
      <button
        class="zone ${this.over ? "over" : ""}"
        type="button"
        aria-labelledby="label action"
        aria-describedby="notes"
        @click=${() => this.picker.click()}
        @paste=${(event: ClipboardEvent) => void this.#take(event.clipboardData?.files)}
        @dragover=${(event: DragEvent) => this.#dragged(event)}
        @dragleave=${() => (this.over = false)}
        @drop=${(event: DragEvent) => this.#dropped(event)}
      >
        ${digest === "" ? icon("upload") : html`<img src=${contentUrl(digest)} alt=${t("field.imageAlt")} />`}
        <span id="action" class=${digest === "" ? "" : "quiet"}>
          ${this.busy ? t("field.imageBusy") : digest === "" ? t("field.imageDrop") : t("field.imageReplace")}
        </span>
      </button>
      <input type="file" accept="image/*" hidden aria-label=${this.field.title} @change=${() => void this.#take(this.picker.files)} />
      ${digest === ""
        ? nothing
        : html`<button class="button small" type="button" @click=${() => this.change("")}>${icon("close")}${t("field.imageClear")}</button>`}
      ${this.problem === "" ? nothing : html`<p class="fault" role="alert">${icon("alert")}<span>${this.problem}</span></p>`} ${this.notes()}
    `;
  }

  static override readonly styles = [
    FieldElement.styles,
    css`
      .zone {
        display: grid;
        place-items: center;
        place-content: center;
        gap: 8px;
        width: 100%;
        min-height: 180px;
        padding: 12px;
        border: 1.5px dashed var(--line-strong);
        border-radius: 12px;
        background: var(--surface-sunken);
        color: var(--text-soft);
        transition: border-color var(--quick), background var(--quick);
      }

      .zone:hover,
      .zone.over {
        border-color: var(--tint, var(--accent));
        background: color-mix(in srgb, var(--tint, var(--accent)) 8%, var(--surface-sunken));
      }

      img {
        max-width: 100%;
        max-height: 280px;
        border-radius: 8px;
      }

      .button {
        justify-self: start;
      }
    `,
  ];
}
