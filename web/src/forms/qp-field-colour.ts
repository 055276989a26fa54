/** A field for one colour, as `#rrggbb`: the browser's picker, and the digits beside it. */
import { css, html } from "lit";
import { customElement } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { t } from "../i18n/text.js";
import { FieldElement } from "./field-element.js";

/** What the browser's picker can show. */
const WHOLE = /^#[0-9a-f]{6}$/i;

@customElement("qp-field-colour")
export class QpFieldColour extends FieldElement<"colour"> {
  override render() {
    return html`
      <label for="control">${this.field.title}</label>
      <div class="both">
        <input
          class="picker"
          type="color"
          aria-label=${t("field.colourPick", { field: this.field.title })}
          .value=${live(WHOLE.test(this.text) ? this.text : "#000000")}
          @input=${(event: InputEvent) => this.change((event.target as HTMLInputElement).value)}
        />
        <input
          id="control"
          class="input"
          type="text"
          maxlength="7"
          spellcheck="false"
          autocomplete="off"
          aria-describedby="notes"
          aria-invalid=${this.invalid}
          .value=${live(this.text)}
          @input=${(event: InputEvent) => this.change((event.target as HTMLInputElement).value.trim())}
        />
      </div>
      ${this.notes()}
    `;
  }

  static override readonly styles = [
    FieldElement.styles,
    css`
      .both {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 8px;
      }

      .picker {
        width: 44px;
        height: 100%;
        min-height: 36px;
        padding: 2px;
        border: 1px solid var(--line);
        border-radius: 8px;
        background: none;
        cursor: pointer;
      }

      #control {
        font-family: var(--font-mono);
      }
    `,
  ];
}
