/** A window over the page, in the middle or at a side, with a heading and a way to close it. */
import { LitElement, css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { t } from "../i18n/text.js";
import { base, controls } from "../styles/shared.js";
import { icon } from "./icons.js";
import { Modal, modalLook } from "./modal.js";

@customElement("qp-dialog")
export class QpDialog extends LitElement {
  @property() heading = "";
  @property({ reflect: true }) placement: "centre" | "left" | "right" | "wide" = "centre";
  @property({ type: Boolean }) open = false;

  readonly #modal = new Modal(this, () => this.open);

  #closed(): void {
    // Browsers tell of it late; by then it may be open again.
    if (this.#modal.isShown) return;
    this.open = false;
    this.#modal.giveFocusBack();
    this.dispatchEvent(new CustomEvent("qp-close"));
  }

  override render() {
    return html`
      <dialog closedby="any" aria-labelledby="heading" tabindex="-1" @close=${() => this.#closed()}>
        <div class="frame">
          <div class="head">
            <h2 id="heading">${this.heading}</h2>
            <button class="icon-button" type="button" aria-label=${t("dialog.close")} @click=${() => this.#modal.close()}>
              ${icon("close")}
            </button>
          </div>
          <div class="body"><slot></slot></div>
          <slot name="footer"></slot>
        </div>
      </dialog>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    modalLook,
    css`
      :host {
        display: contents;
      }

      dialog {
        width: min(560px, calc(100vw - 32px));
        max-height: min(86vh, 900px);
      }

      dialog[open] {
        display: flex;
      }

      :host([placement="left"]) dialog,
      :host([placement="right"]) dialog {
        width: min(440px, 100vw);
        height: 100%;
        max-height: none;
        margin: 0;
        border-width: 0;
        border-radius: 0;
      }

      :host([placement="right"]) dialog {
        margin-left: auto;
        border-left-width: 1px;
        --from: 24px;
      }

      :host([placement="left"]) dialog {
        border-right-width: 1px;
        --from: -24px;
      }

      :host([placement="wide"]) dialog {
        width: min(1180px, calc(100vw - 32px));
        height: min(88vh, 900px);
      }

      :host([placement="wide"]) .body {
        display: flex;
        padding: 0;
        border-top: 1px solid var(--line);
        overflow: hidden;
      }

      @media (max-width: 720px) {
        :host([placement="wide"]) dialog {
          width: 100vw;
          height: 100%;
          max-height: none;
          margin: 0;
          border-width: 0;
          border-radius: 0;
        }
      }

      .frame {
        display: flex;
        flex-direction: column;
        flex: 1;
        min-width: 0;
        min-height: 0;
      }

      .head {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 12px;
        padding: 14px 12px 10px 20px;
      }

      h2 {
        font-size: 17px;
        font-weight: 650;
      }

      .body {
        flex: 1;
        min-height: 0;
        overflow: auto;
        padding: 4px 20px 20px;
      }
    `,
  ];
}
