/** The picture that a brick would make, while a person changes its parameters. */
import { LitElement, type PropertyValues, css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { t } from "../i18n/text.js";
import type { LivePreview } from "../store/live-previews.js";
import { checkerboard } from "../styles/checkerboard.js";
import { base } from "../styles/shared.js";

@customElement("qp-live-preview")
export class QpLivePreview extends LitElement {
  @property({ attribute: false }) preview!: LivePreview;
  @property() label = "";

  #url: string | undefined;
  /** Addresses of earlier pictures, the last of which shows until the next is there. */
  #earlier: string[] = [];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#forget();
    if (this.#url !== undefined) URL.revokeObjectURL(this.#url);
    this.#url = undefined;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#address();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("preview")) this.#address();
  }

  #address(): void {
    if (this.#url !== undefined) this.#earlier.push(this.#url);
    this.#url = URL.createObjectURL(this.preview.picture);
  }

  #forget(): void {
    for (const url of this.#earlier) URL.revokeObjectURL(url);
    this.#earlier = [];
  }

  override render() {
    return html`<figure>
      <img class="checkerboard" src=${this.#url ?? ""} alt=${t("picture.liveAlt", { title: this.label })} @load=${() => this.#forget()} />
      <figcaption>${t("picture.live")}</figcaption>
    </figure>`;
  }

  static override readonly styles = [
    base,
    checkerboard,
    css`
      :host {
        display: block;
      }

      figure {
        position: relative;
        display: grid;
        place-items: center;
        margin: 0;
        border-radius: 12px;
        overflow: hidden;
        background: var(--surface-sunken);
      }

      img {
        display: block;
        max-width: 100%;
        max-height: min(340px, 42vh);
      }

      figcaption {
        position: absolute;
        top: 8px;
        left: 8px;
        padding: 2px 9px;
        border-radius: 999px;
        background: color-mix(in srgb, var(--surface) 82%, transparent);
        color: var(--text);
        font-size: 12px;
        font-weight: 600;
        backdrop-filter: blur(6px);
      }

      @media (max-width: 720px) {
        img {
          max-height: 32vh;
        }
      }
    `,
  ];
}
