/** What a brick makes, as it is made: the preview with its step while it runs, its pictures and drawings after. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import "../elements/qp-progress.js";
import "../elements/qp-vector-switch.js";
import type { VectorChosen } from "../elements/qp-vector-switch.js";
import { SvgUrls } from "../elements/svg-urls.js";
import { progressText } from "../i18n/progress.js";
import { t } from "../i18n/text.js";
import { contentUrl } from "../net/client.js";
import type { BrickRun, Preview } from "../net/types.js";
import type { Drawing } from "../store/drawings.js";
import type { Picture } from "../store/state.js";
import { checkerboard } from "../styles/checkerboard.js";
import { base, controls } from "../styles/shared.js";

/** Sent when a picture or drawing is clicked; `detail` is its place among those of this stage. */
export type PictureOpened = CustomEvent<{ index: number; vector: boolean }>;

@customElement("qp-stage")
export class QpStage extends LitElement {
  @property() label = "";
  @property({ attribute: false }) run: BrickRun | undefined;
  @property({ attribute: false }) preview: Preview | undefined;
  @property({ attribute: false }) pictures: Picture[] = [];
  @property({ attribute: false }) drawings: Drawing[] = [];
  @property({ type: Boolean }) running = false;
  /** Whether to hold the place of a picture that is not there yet. */
  @property({ type: Boolean }) placeholder = false;

  /** Whether drawings show, where there are pictures too. */
  @state() private vector = true;

  readonly #urls = new SvgUrls(this);

  /** Whether there is anything to see, so that the card can leave the place out. */
  override updated(): void {
    this.toggleAttribute("filled", this.pictures.length + this.drawings.length > 0 || this.running || this.placeholder);
  }

  #open(index: number, vector = false): void {
    this.dispatchEvent(new CustomEvent("qp-picture", { detail: { index, vector }, bubbles: true, composed: true }));
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

  #drawing({ svg, title, width, height }: Drawing, index: number) {
    const named = { title: title || this.label, number: index + 1 };
    return html`<button class="picture vector" type="button" style="--ratio: ${width / height}" aria-label=${t("drawing.open", named)} @click=${() => this.#open(index, true)}>
      <img class="checkerboard" src=${this.#urls.of(svg)} alt=${t("drawing.alt", named)} />
    </button>`;
  }

  /** Chooses between pictures and drawings, and saves the drawings. */
  #tools() {
    if (this.drawings.length === 0) return nothing;
    return html`<div class="tools">
      ${this.pictures.length > 0
        ? html`<qp-vector-switch ?vector=${this.vector} @qp-vector=${(event: VectorChosen) => (this.vector = event.detail)}></qp-vector-switch>`
        : nothing}
      ${this.drawings.map(
        ({ svg, file }, index) => html`<a class="button small" href=${this.#urls.of(svg)} download=${file}>
          ${icon("download")}${this.drawings.length > 1 ? t("drawing.saveOne", { number: index + 1 }) : t("drawing.save")}
        </a>`,
      )}
    </div>`;
  }

  #content() {
    if (this.preview && this.running) {
      return html`<div class="pictures"><img class="preview" src=${this.preview.image} alt=${t("picture.preview")} /></div>`;
    }
    if (this.drawings.length > 0 && (this.vector || this.pictures.length === 0)) {
      return html`<div class="pictures ${this.drawings.length > 1 ? "many" : ""}">${this.drawings.map((drawing, index) => this.#drawing(drawing, index))}</div>`;
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
    return html`${this.#content()} ${this.#tools()} ${this.running ? this.#progress() : nothing}`;
  }

  static override readonly styles = [
    base,
    controls,
    checkerboard,
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

      /* Just as large as the drawing, so that only what it leaves open is checkered. */
      .picture.vector {
        container-type: size;
      }

      .picture.vector img {
        width: min(100cqw, 100cqh * var(--ratio));
        height: auto;
        margin: auto;
        border-radius: 0;
        aspect-ratio: var(--ratio);
      }

      .preview {
        position: absolute;
        inset: 0;
        animation: none;
      }

      .tools {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px;
      }

      .button {
        text-decoration: none;
      }

      @keyframes reveal {
        from {
          opacity: 0;
        }
      }
    `,
  ];
}
