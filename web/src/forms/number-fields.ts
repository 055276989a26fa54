/** Fields for numbers: a slider with its number, and a seed. */
import { css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { icon } from "../elements/icons.js";
import { t } from "../i18n/text.js";
import { sliderLook } from "../styles/slider.js";
import { FieldElement } from "./field-element.js";
import { NumberBox, numberBoxLook } from "./number-box.js";
import { snap } from "./schema.js";

const numberLook = css`
  input.number {
    width: 84px;
    min-height: 30px;
    padding: 3px 9px;
    text-align: right;
    font-variant-numeric: tabular-nums;
  }
`;

@customElement("qp-field-number")
export class QpFieldNumber extends FieldElement<"number"> {
  readonly #box = new NumberBox(this, (value) => this.change(value));

  #slid(event: Event): void {
    this.change(snap(Number((event.target as HTMLInputElement).value), this.field));
  }

  get #number(): number | null {
    if (this.value === null && this.field.optional) return null;
    return Number(this.value ?? 0);
  }

  override render() {
    const { minimum, maximum, step, optional } = this.field;
    const number = this.#number;
    const value = number ?? minimum ?? 0;
    const bounded = minimum !== undefined && maximum !== undefined;
    const filled = bounded && maximum > minimum ? Math.min(1, Math.max(0, (value - minimum) / (maximum - minimum))) * 100 : 0;
    return html`
      <div class="head">
        <label for="control">${this.field.title}</label>
        ${this.#box.render({ id: "control", value: number, optional, bounds: this.field, invalid: this.invalid, ...(optional ? { placeholder: t("field.auto") } : {}) })}
      </div>
      ${bounded
        ? html`<input
            type="range"
            min=${minimum}
            max=${maximum}
            step=${step}
            aria-label=${t("field.slider", { field: this.field.title })}
            style="--filled: ${filled}%"
            .value=${live(String(value))}
            @input=${(event: Event) => this.#slid(event)}
          />`
        : nothing}
      ${this.notes()}
    `;
  }

  static override readonly styles = [
    FieldElement.styles,
    numberBoxLook,
    sliderLook,
    numberLook,
    css`
      :host {
        gap: 2px;
      }

      .head {
        align-items: center;
      }
    `,
  ];
}

@customElement("qp-field-seed")
export class QpFieldSeed extends FieldElement<"seed"> {
  /** The seed of the last picture, offered to be kept. */
  @property({ type: Number }) lastSeed: number | undefined;

  readonly #box = new NumberBox(this, (seed) => this.change(seed));

  get #seed(): number | null {
    return typeof this.value === "number" ? this.value : null;
  }

  #roll(): void {
    const { minimum, maximum } = this.field;
    const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
    this.change(minimum + (random % (maximum - minimum + 1)));
  }

  /** Ways to another seed: a new one each time, or the one of the last picture. */
  #offers() {
    const keep = this.lastSeed !== undefined && this.lastSeed !== this.value ? this.lastSeed : undefined;
    if (this.value === null && keep === undefined) return nothing;
    return html`<div class="line">
      ${this.value === null
        ? nothing
        : html`<button class="button small" type="button" @click=${() => this.change(null)}>${t("field.seedRandom")}</button>`}
      ${keep === undefined
        ? nothing
        : html`<button class="button small" type="button" @click=${() => this.change(keep)}>${t("field.seedKeep", { seed: keep })}</button>`}
    </div>`;
  }

  override render() {
    return html`
      <label for="control">${this.field.title}</label>
      <div class="line">
        ${this.#box.render({
          id: "control",
          value: this.#seed,
          optional: true,
          bounds: { ...this.field, step: 1 },
          invalid: this.invalid,
          placeholder: t("field.seedRandom"),
        })}
        <button class="icon-button" type="button" aria-label=${t("field.seedRoll")} title=${t("field.seedRoll")} @click=${() => this.#roll()}>
          ${icon("dice")}
        </button>
      </div>
      ${this.#offers()}
      ${this.notes()}
    `;
  }

  static override readonly styles = [
    FieldElement.styles,
    numberBoxLook,
    css`
      .line {
        display: flex;
        flex-wrap: wrap;
        gap: 6px;
      }

      .line:first-of-type {
        flex-wrap: nowrap;
      }
    `,
  ];
}
