/** Chooses between a picture and the drawing of it. */
import { LitElement, css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { t } from "../i18n/text.js";
import { base, controls } from "../styles/shared.js";

/** Sent when one of the two is chosen; `detail` is whether it is the drawing. */
export type VectorChosen = CustomEvent<boolean>;

@customElement("qp-vector-switch")
export class QpVectorSwitch extends LitElement {
  /** Whether the drawing shows. */
  @property({ type: Boolean }) vector = false;

  #choose(vector: boolean): void {
    if (vector !== this.vector) this.dispatchEvent(new CustomEvent<boolean>("qp-vector", { detail: vector, bubbles: true, composed: true }));
  }

  #option(vector: boolean, label: string) {
    return html`<button class="option" type="button" aria-pressed=${vector === this.vector ? "true" : "false"} @click=${() => this.#choose(vector)}>${label}</button>`;
  }

  override render() {
    return html`<div role="group" aria-label=${t("drawing.view")}>${this.#option(false, t("drawing.raster"))}${this.#option(true, t("drawing.vector"))}</div>`;
  }

  static override readonly styles = [
    base,
    controls,
    css`
      div {
        display: inline-flex;
        padding: 2px;
        border: 1px solid var(--line);
        border-radius: var(--radius-control);
        background: var(--surface-sunken);
      }

      .option {
        min-height: 26px;
        padding: 0 10px;
        border: 0;
        border-radius: 8px;
        background: none;
        color: var(--text-soft);
        font-size: 13px;
      }

      .option:hover {
        color: var(--text);
      }

      .option[aria-pressed="true"] {
        background: var(--surface-hover);
        color: var(--text);
        font-weight: 550;
      }
    `,
  ];
}
