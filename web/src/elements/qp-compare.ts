/** Two pictures at the same place, one left and one right of a line that a person moves. */
import { LitElement, css, html } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { t } from "../i18n/text.js";
import { base } from "../styles/shared.js";

@customElement("qp-compare")
export class QpCompare extends LitElement {
  /** Addresses of the two pictures. */
  @property() older = "";
  @property() newer = "";
  /** What the newer one shows. */
  @property() label = "";
  /** Its width over its height. */
  @property({ type: Number }) ratio = 1;
  /** Where the line is, in hundredths of the width. */
  @state() private line = 50;

  override render() {
    return html`<div class="both" style="--line: ${this.line}%; --ratio: ${this.ratio}">
      <img src=${this.newer} alt=${this.label} />
      <img class="older" src=${this.older} alt=${t("compare.before")} />
      <div class="line"></div>
      <input
        type="range"
        min="0"
        max="100"
        .value=${String(this.line)}
        aria-label=${t("compare.line")}
        aria-valuetext=${t("compare.share", { percent: this.line })}
        @input=${(event: Event) => (this.line = Number((event.target as HTMLInputElement).value))}
      />
    </div>`;
  }

  static override readonly styles = [
    base,
    css`
      :host {
        position: absolute;
        inset: 16px;
        display: grid;
        place-items: center;
        container-type: size;
      }

      /* As large as the newer picture, so that the line lies where the picture is. */
      .both {
        position: relative;
        width: min(100cqw, 100cqh * var(--ratio));
        aspect-ratio: var(--ratio);
      }

      img {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
      }

      .older {
        clip-path: inset(0 calc(100% - var(--line)) 0 0);
      }

      .line {
        position: absolute;
        inset: 0 auto 0 var(--line);
        width: 2px;
        margin-left: -1px;
        background: #ffffff;
        box-shadow: 0 0 0 1px rgb(0 0 0 / 0.5);
        pointer-events: none;
      }

      /* All of the picture takes the pointer; only the thumb is to be seen. */
      input {
        position: absolute;
        inset: 0;
        width: calc(100% + 28px);
        height: 100%;
        margin: 0 -14px;
        appearance: none;
        background: none;
        cursor: ew-resize;
        touch-action: pan-y;
      }

      input::-webkit-slider-thumb {
        appearance: none;
        width: 28px;
        height: 28px;
        border: 2px solid #ffffff;
        border-radius: 50%;
        background: rgb(0 0 0 / 0.55);
        box-shadow: 0 1px 6px rgb(0 0 0 / 0.5);
      }

      input::-moz-range-thumb {
        width: 24px;
        height: 24px;
        border: 2px solid #ffffff;
        border-radius: 50%;
        background: rgb(0 0 0 / 0.55);
      }
    `,
  ];
}
