/** Asks before something is lost, or takes long. */
import { LitElement, css, html } from "lit";
import { customElement, state } from "lit/decorators.js";
import { t } from "../i18n/text.js";
import { base, controls } from "../styles/shared.js";
import "./qp-dialog.js";

export interface Question {
  title: string;
  message: string;
  action: string;
  /** Nothing is lost by it. */
  harmless?: boolean;
}

@customElement("qp-confirm")
export class QpConfirm extends LitElement {
  @state() private question: Question | undefined;
  #answer: ((yes: boolean) => void) | undefined;

  async ask(question: Question): Promise<boolean> {
    this.#settle(false);
    // A question that the browser has closed already has to go before the next can open.
    await this.updateComplete;
    this.question = question;
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  #settle(yes: boolean): void {
    this.question = undefined;
    this.#answer?.(yes);
    this.#answer = undefined;
  }

  override render() {
    return html`
      <qp-dialog heading=${this.question?.title ?? ""} ?open=${this.question !== undefined} @qp-close=${() => this.#settle(false)}>
        <p>${this.question?.message}</p>
        <div slot="footer" class="actions">
          <button class="button" type="button" data-first-focus @click=${() => this.#settle(false)}>${t("confirm.keep")}</button>
          <button class="button ${this.question?.harmless ? "primary" : "danger"}" type="button" @click=${() => this.#settle(true)}>${this.question?.action}</button>
        </div>
      </qp-dialog>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    css`
      .actions {
        display: flex;
        justify-content: flex-end;
        gap: 8px;
        padding: 0 20px 18px;
      }

      p {
        color: var(--text-soft);
      }
    `,
  ];
}
