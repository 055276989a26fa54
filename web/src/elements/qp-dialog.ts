/**
 * A modal window over the page: in the middle, at a side, or over all of it. The browser's own `dialog` gives the
 * focus trap, Escape and the inert page behind it; this adds the frame and gives focus back where it was.
 */
import { LitElement, css, html } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { t } from "../i18n/text.js";
import { base, controls } from "../styles/shared.js";
import { deepFocus } from "./focus.js";
import { icon } from "./icons.js";

@customElement("qp-dialog")
export class QpDialog extends LitElement {
  @property() heading = "";
  @property({ reflect: true }) placement: "centre" | "left" | "right" = "centre";
  @property({ type: Boolean }) open = false;

  @query("dialog") private readonly dialog!: HTMLDialogElement;
  #returnTo: HTMLElement | undefined;

  override updated(): void {
    if (this.open === this.dialog.open) return;
    if (this.open) {
      this.#returnTo = deepFocus();
      this.dialog.showModal();
      (this.querySelector<HTMLElement>("[data-first-focus]") ?? this.dialog).focus();
    } else {
      this.dialog.close();
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#giveFocusBack();
  }

  #closed(): void {
    this.open = false;
    this.#giveFocusBack();
    this.dispatchEvent(new CustomEvent("qp-close"));
  }

  #giveFocusBack(): void {
    const target = this.#returnTo;
    this.#returnTo = undefined;
    if (target?.isConnected) target.focus();
  }

  override render() {
    return html`
      <dialog closedby="any" aria-labelledby="heading" tabindex="-1" @close=${() => this.#closed()}>
        <div class="frame">
          <div class="head">
            <h2 id="heading">${this.heading}</h2>
            <button class="icon-button" type="button" aria-label=${t("dialog.close")} @click=${() => this.dialog.close()}>
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
    css`
      :host {
        display: contents;
      }

      dialog {
        width: min(560px, calc(100vw - 32px));
        max-width: none;
        max-height: min(86vh, 900px);
        padding: 0;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--surface);
        color: var(--text);
        box-shadow: var(--shadow-high);
        overflow: hidden;
      }

      dialog:focus-visible {
        outline: none;
      }

      dialog[open] {
        display: flex;
        animation: appear 180ms ease;
      }

      dialog::backdrop {
        background: var(--scrim);
        backdrop-filter: blur(3px);
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

      @keyframes appear {
        from {
          opacity: 0;
          transform: translateX(var(--from, 0)) scale(var(--scale, 1));
        }
      }
    `,
  ];
}
