/** Fields for words: one line, a prompt of several lines, and raw JSON for what has no better widget. */
import { css, html } from "lit";
import { customElement, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { t } from "../i18n/text.js";
import type { Json } from "../net/types.js";
import { FieldElement } from "./field-element.js";

@customElement("qp-field-text")
export class QpFieldText extends FieldElement<"text"> {
  override render() {
    return html`
      <label for="control">${this.field.title}</label>
      <input
        id="control"
        class="input"
        type="text"
        autocomplete="off"
        aria-describedby="notes"
        aria-invalid=${this.invalid}
        .value=${live(this.text)}
        @input=${(event: InputEvent) => this.change((event.target as HTMLInputElement).value)}
      />
      ${this.notes()}
    `;
  }
}

@customElement("qp-field-prompt")
export class QpFieldPrompt extends FieldElement<"prompt"> {
  override render() {
    return html`
      <label for="control">${this.field.title}</label>
      <textarea
        id="control"
        class="input"
        rows="5"
        placeholder=${t("field.promptHint")}
        aria-describedby="notes"
        aria-invalid=${this.invalid}
        .value=${live(this.text)}
        @input=${(event: InputEvent) => this.change((event.target as HTMLTextAreaElement).value)}
      ></textarea>
      ${this.notes()}
    `;
  }

  static override readonly styles = [
    FieldElement.styles,
    css`
      textarea.input {
        min-height: 150px;
        max-height: 46vh;
        resize: vertical;
        field-sizing: content;
        font-size: 15px;
        line-height: 1.5;
      }
    `,
  ];
}

@customElement("qp-field-json")
export class QpFieldJson extends FieldElement<"json"> {
  @state() private broken = false;
  /** What is being typed and is no value yet, and the value that it is typed over. */
  #draft: { text: string; over: string } | undefined;

  get #written(): string {
    const value = JSON.stringify(this.value);
    return this.#draft?.over === value ? this.#draft.text : value;
  }

  #typed(text: string): void {
    this.#draft = { text, over: JSON.stringify(this.value) };
  }

  #settled(text: string): void {
    let value: Json;
    try {
      value = JSON.parse(text) as Json;
    } catch {
      this.broken = true;
      return;
    }
    this.broken = false;
    this.#draft = undefined;
    this.change(value);
  }

  override render() {
    return html`
      <label for="control">${this.field.title}</label>
      <textarea
        id="control"
        class="input"
        rows="3"
        spellcheck="false"
        aria-describedby="notes"
        aria-invalid=${this.broken ? "true" : this.invalid}
        .value=${live(this.#written)}
        @input=${(event: Event) => this.#typed((event.target as HTMLTextAreaElement).value)}
        @change=${(event: Event) => this.#settled((event.target as HTMLTextAreaElement).value)}
      ></textarea>
      ${this.broken ? html`<p class="fault" role="alert">${t("field.notJson")}</p>` : this.notes()}
    `;
  }

  static override readonly styles = [
    FieldElement.styles,
    css`
      textarea.input {
        font-family: var(--font-mono);
        font-size: 13px;
      }
    `,
  ];
}
