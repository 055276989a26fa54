/** Fields for numbers: a slider with its number, a seed, and a width with its height. */
import { css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { icon } from "../elements/icons.js";
import { t } from "../i18n/text.js";
import { FieldElement } from "./field-element.js";
import { type FieldOf, snap, valueOf } from "./schema.js";

const sliderLook = css`
  input[type="range"] {
    appearance: none;
    width: 100%;
    height: 22px;
    margin: 0;
    background: transparent;
    cursor: pointer;
  }

  input[type="range"]::-webkit-slider-runnable-track {
    height: 4px;
    border-radius: 2px;
    background: linear-gradient(to right, var(--tint, var(--accent)) var(--filled, 0%), var(--line) var(--filled, 0%));
  }

  input[type="range"]::-moz-range-track {
    height: 4px;
    border-radius: 2px;
    background: linear-gradient(to right, var(--tint, var(--accent)) var(--filled, 0%), var(--line) var(--filled, 0%));
  }

  input[type="range"]::-webkit-slider-thumb {
    appearance: none;
    width: 16px;
    height: 16px;
    margin-top: -6px;
    border: 0;
    border-radius: 50%;
    background: var(--text);
    box-shadow: 0 1px 4px rgb(0 0 0 / 0.4);
  }

  input[type="number"] {
    appearance: textfield;
    -moz-appearance: textfield;
  }

  input[type="number"]::-webkit-inner-spin-button {
    display: none;
  }

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
  #typed(event: Event): void {
    const typed = (event.target as HTMLInputElement).valueAsNumber;
    if (Number.isFinite(typed)) this.change(snap(typed, this.field));
    this.requestUpdate();
  }

  override render() {
    const { minimum, maximum, step } = this.field;
    const value = Number(this.value ?? 0);
    const bounded = minimum !== undefined && maximum !== undefined;
    const filled = bounded && maximum > minimum ? ((value - minimum) / (maximum - minimum)) * 100 : 0;
    return html`
      <div class="head">
        <label for="control">${this.field.title}</label>
        <input
          id="control"
          class="input number"
          type="number"
          min=${minimum ?? nothing}
          max=${maximum ?? nothing}
          step=${step}
          aria-describedby="notes"
          aria-invalid=${this.invalid}
          .value=${live(String(value))}
          @change=${(event: Event) => this.#typed(event)}
        />
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
            @input=${(event: Event) => this.#typed(event)}
          />`
        : nothing}
      ${this.notes()}
    `;
  }

  static override readonly styles = [
    FieldElement.styles,
    sliderLook,
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

  #typed(event: Event): void {
    const typed = (event.target as HTMLInputElement).valueAsNumber;
    this.change(Number.isFinite(typed) ? snap(typed, { ...this.field, step: 1 }) : null);
    this.requestUpdate();
  }

  #roll(): void {
    const { minimum, maximum } = this.field;
    const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
    this.change(minimum + (random % (maximum - minimum + 1)));
  }

  override render() {
    const random = this.value === null;
    return html`
      <label for="control">${this.field.title}</label>
      <div class="line">
        <input
          id="control"
          class="input"
          type="number"
          min=${this.field.minimum}
          max=${this.field.maximum}
          step="1"
          placeholder=${t("field.seedRandom")}
          aria-describedby="notes"
          aria-invalid=${this.invalid}
          .value=${live(this.text)}
          @change=${(event: Event) => this.#typed(event)}
        />
        <button class="icon-button" type="button" aria-label=${t("field.seedRoll")} title=${t("field.seedRoll")} @click=${() => this.#roll()}>
          ${icon("dice")}
        </button>
      </div>
      <div class="line">
        <button class="button small" type="button" aria-pressed=${random ? "true" : "false"} @click=${() => this.change(null)}>
          ${t("field.seedRandom")}
        </button>
        ${this.lastSeed === undefined || this.lastSeed === this.value
          ? nothing
          : html`<button class="button small" type="button" @click=${() => this.change(this.lastSeed ?? null)}>
              ${t("field.seedKeep", { seed: this.lastSeed })}
            </button>`}
      </div>
      ${this.notes()}
    `;
  }

  static override readonly styles = [
    FieldElement.styles,
    sliderLook,
    css`
      .line {
        display: flex;
        flex-wrap: wrap;
        gap: 6px;
      }

      .line:first-of-type {
        flex-wrap: nowrap;
      }

      button[aria-pressed="true"] {
        border-color: var(--tint-text, var(--focus));
        color: var(--tint-text, var(--text));
      }
    `,
  ];
}

const SIZES: readonly [number, number][] = [
  [64, 64],
  [256, 256],
  [512, 512],
  [512, 768],
  [768, 512],
  [768, 768],
  [768, 1344],
  [1024, 1024],
  [1344, 768],
];

@customElement("qp-field-size")
export class QpFieldSize extends FieldElement<"size"> {
  get #height(): number {
    return Number(valueOf(this.params, this.field.height));
  }

  #set(width: number, height: number): void {
    this.changeAll([
      { name: this.field.name, value: snap(width, this.field) },
      { name: this.field.height.name, value: snap(height, this.field) },
    ]);
    this.requestUpdate();
  }

  #picked(event: Event): void {
    const [width, height] = SIZES[Number((event.target as HTMLSelectElement).value)] ?? [];
    if (width !== undefined && height !== undefined) this.#set(width, height);
  }

  #number(id: string, field: Pick<FieldOf<"size">, "title">, value: number, set: (typed: number) => void) {
    return html`<div class="side">
      <label for=${id}>${field.title}</label>
      <input
        id=${id}
        class="input"
        type="number"
        min=${this.field.minimum}
        max=${this.field.maximum}
        step=${this.field.step}
        aria-describedby="notes"
        aria-invalid=${this.invalid}
        .value=${live(String(value))}
        @change=${(event: Event) => set((event.target as HTMLInputElement).valueAsNumber || value)}
      />
    </div>`;
  }

  override render() {
    const width = Number(this.value);
    const height = this.#height;
    const fitting = SIZES.flatMap(([w, h], index) => (this.#fits(w) && this.#fits(h) ? [{ w, h, index }] : []));
    const listed = fitting.some(({ w, h }) => w === width && h === height);
    return html`
      <div class="pair">
        ${this.#number("control", this.field, width, (typed) => this.#set(typed, height))}
        <button class="icon-button" type="button" aria-label=${t("field.sizeSwap")} title=${t("field.sizeSwap")} @click=${() => this.#set(height, width)}>
          ${icon("swap")}
        </button>
        ${this.#number("height", this.field.height, height, (typed) => this.#set(width, typed))}
      </div>
      <select class="input" aria-label=${t("field.sizePreset")} @change=${(event: Event) => this.#picked(event)}>
        ${listed ? nothing : html`<option value="-1" selected>${t("field.sizeOwn")}</option>`}
        ${fitting.map(
          ({ w, h, index }) => html`<option value=${index} .selected=${w === width && h === height}>${t(shape(w, h), { width: w, height: h })}</option>`,
        )}
      </select>
      ${this.notes()}
    `;
  }

  #fits(side: number): boolean {
    return side >= this.field.minimum && side <= this.field.maximum;
  }

  static override readonly styles = [
    FieldElement.styles,
    sliderLook,
    css`
      .pair {
        display: flex;
        align-items: end;
        gap: 4px;
      }

      .side {
        display: grid;
        flex: 1;
        gap: 6px;
        min-width: 0;
      }
    `,
  ];
}

function shape(width: number, height: number): "field.sizeSquare" | "field.sizeTall" | "field.sizeWide" {
  if (width === height) return "field.sizeSquare";
  return width < height ? "field.sizeTall" : "field.sizeWide";
}
