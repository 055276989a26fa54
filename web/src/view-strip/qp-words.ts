/** What a model writes, as it grows and when it is done. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import { t } from "../i18n/text.js";
import { base, controls } from "../styles/shared.js";

/** How long the button says that it copied, in milliseconds. */
const COPIED_MS = 1500;

@customElement("qp-words")
export class QpWords extends LitElement {
  /** `<label>\n<text>` */
  @property({ attribute: false }) words: string[] = [];
  @property({ type: Boolean }) writing = false;
  @state() private copied: string | undefined;

  async #copy(text: string): Promise<void> {
    await navigator.clipboard.writeText(text);
    this.copied = text;
    setTimeout(() => (this.copied = undefined), COPIED_MS);
  }

  #text(words: string) {
    const cut = words.indexOf("\n");
    const [label, text] = [words.slice(0, cut), words.slice(cut + 1)];
    return html`<figure>
      <figcaption>
        <span>${label || t("words.writing")}</span>
        ${this.writing
          ? nothing
          : html`<button class="icon-button small" type="button" aria-label=${t("words.copy", { label })} title=${t("words.copy", { label })} @click=${() => void this.#copy(text)}>
              ${icon(this.copied === text ? "check" : "copy")}
            </button>`}
      </figcaption>
      <p class=${this.writing ? "writing" : ""} tabindex="0" aria-busy=${this.writing ? "true" : "false"}>${text}</p>
    </figure>`;
  }

  override render() {
    return html`${this.words.map((words) => this.#text(words))}<span class="quiet" role="status">${this.copied === undefined ? "" : t("words.copied")}</span>`;
  }

  static override readonly styles = [
    base,
    controls,
    css`
      :host {
        display: grid;
        gap: 10px;
      }

      figure {
        display: grid;
        gap: 4px;
        margin: 0;
      }

      figcaption {
        display: flex;
        align-items: center;
        justify-content: space-between;
        min-height: 28px;
        color: var(--text-faint);
        font-size: 12px;
      }

      p {
        max-height: 30vh;
        padding: 10px 12px;
        border-radius: 8px;
        background: var(--surface-sunken);
        font-size: 14px;
        line-height: 1.5;
        overflow: auto;
        overflow-wrap: anywhere;
        white-space: pre-wrap;
      }

      .writing::after {
        content: "▍";
        color: var(--text-faint);
      }
    `,
  ];
}
