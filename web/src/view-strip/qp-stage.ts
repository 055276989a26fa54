/** What a brick makes, as it is made: the preview with its step while it runs, its pictures after. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import "../elements/qp-progress.js";
import { progressText } from "../i18n/progress.js";
import { t } from "../i18n/text.js";
import { contentUrl } from "../net/client.js";
import type { BrickRun, Preview } from "../net/types.js";
import type { Picture } from "../store/state.js";
import { base, controls } from "../styles/shared.js";

/** Sent when a picture is clicked; `detail` is its place among the pictures of this stage. */
export type PictureOpened = CustomEvent<number>;

@customElement("qp-stage")
export class QpStage extends LitElement {
  @property() label = "";
  @property({ attribute: false }) run: BrickRun | undefined;
  @property({ attribute: false }) preview: Preview | undefined;
  @property({ attribute: false }) pictures: Picture[] = [];
  @property({ type: Boolean }) running = false;
  /** Whether to hold the place of a picture that is not there yet. */
  @property({ type: Boolean }) placeholder = false;

  /** Whether there is anything to see, so that the card can leave the place out. */
  override updated(): void {
    this.toggleAttribute("filled", this.pictures.length > 0 || this.running || this.placeholder);
  }

  #open(index: number): void {
    this.dispatchEvent(new CustomEvent<number>("qp-picture", { detail: index, bubbles: true, composed: true }));
  }

  #progress() {
    const label = t("progress.label", { brick: this.label });
    return html`<qp-progress label=${label} .fraction=${this.run?.fraction ?? 0} text=${progressText(this.run)}></qp-progress>`;
  }

  #picture(picture: Picture, index: number) {
    const title = picture.title || this.label;
    return html`<button class="picture" type="button" style="--ratio: ${picture.width / picture.height}" aria-label=${t("picture.open", { title, number: index + 1 })} @click=${() => this.#open(index)}>
      <img src=${contentUrl(picture.digest)} width=${picture.width} height=${picture.height} alt=${t("picture.alt", { title, number: index + 1 })} />
    </button>`;
  }

  #content() {
    if (this.preview && this.running) {
      return html`<div class="pictures"><img class="preview" src=${this.preview.image} alt=${t("picture.preview")} /></div>`;
    }
    if (this.pictures.length > 0) {
      return html`<div class="pictures ${this.pictures.length > 1 ? "many" : ""}">
        ${this.pictures.map((picture, index) => this.#picture(picture, index))}
      </div>`;
    }
    if (!this.placeholder && !this.running) return nothing;
    return html`<div class="pictures empty">${icon("image")}<p>${this.running ? t("picture.soon") : t("picture.none")}</p></div>`;
  }

  override render() {
    return html`${this.#content()} ${this.running ? this.#progress() : nothing}`;
  }

  static override readonly styles = [
    base,
    controls,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: 10px;
        min-height: 0;
      }

      .pictures {
        position: relative;
        display: grid;
        flex: 1;
        place-items: center;
        min-height: min(240px, 30vh);
        border-radius: 12px;
        overflow: hidden;
      }

      .pictures.many {
        place-content: center stretch;
        grid-template-columns: repeat(auto-fill, minmax(110px, 1fr));
        gap: 6px;
        padding: 4px;
        overflow: auto;
      }

      .empty {
        align-content: center;
        gap: 10px;
        border: 1.5px dashed var(--line);
        border-radius: 12px;
        color: var(--text-faint);
        text-align: center;
      }

      .empty svg.icon {
        width: 34px;
        height: 34px;
        stroke-width: 1.3;
      }

      .picture {
        position: absolute;
        inset: 0;
        display: block;
        padding: 0;
        border: 0;
        border-radius: 12px;
        background: none;
        cursor: zoom-in;
      }

      .picture:focus-visible {
        outline-offset: -3px;
      }

      .many .picture {
        position: relative;
        width: 100%;
        aspect-ratio: var(--ratio);
        border-radius: 8px;
      }

      img {
        display: block;
        width: 100%;
        height: 100%;
        border-radius: inherit;
        object-fit: contain;
        animation: reveal 320ms ease;
      }

      .picture img {
        position: absolute;
        inset: 0;
      }

      .preview {
        position: absolute;
        inset: 0;
        animation: none;
      }

      @keyframes reveal {
        from {
          opacity: 0;
        }
      }
    `,
  ];
}
