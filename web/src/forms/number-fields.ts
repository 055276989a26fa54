/** Fields for numbers: a slider with its number, a seed, and a width with its height. */
import { css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { icon } from "../elements/icons.js";
import { t } from "../i18n/text.js";
import { FieldElement } from "./field-element.js";
import { NumberDraft } from "./number-draft.js";
import { snap, valueOf } from "./schema.js";

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
  readonly #draft = new NumberDraft();

  #typed(event: Event): void {
    const typed = this.#draft.typed(textIn(event), this.#number, this.field);
    if (typed !== undefined) this.change(typed);
  }

  #settled(event: Event): void {
    const settled = this.#draft.settled(textIn(event), this.field);
    if (settled !== undefined) this.change(settled);
    this.requestUpdate();
  }

  get #number(): number {
    return Number(this.value ?? 0);
  }

  override render() {
    const { minimum, maximum, step } = this.field;
    const value = this.#number;
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
          .value=${live(this.#draft.shown(value))}
          @input=${(event: Event) => this.#typed(event)}
          @change=${(event: Event) => this.#settled(event)}
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
            @input=${(event: Event) => this.#settled(event)}
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

  readonly #draft = new NumberDraft();

  get #seed(): number | null {
    return typeof this.value === "number" ? this.value : null;
  }

  #typed(event: Event): void {
    const text = textIn(event);
    const typed = this.#draft.typed(text, this.#seed, { ...this.field, step: 1 });
    if (typed !== undefined) this.change(typed);
    else if (text === "" && this.#seed !== null) this.change(null);
  }

  #settled(event: Event): void {
    this.change(this.#draft.settled(textIn(event), { ...this.field, step: 1 }) ?? null);
    this.requestUpdate();
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
          .value=${live(this.#draft.shown(this.#seed))}
          @input=${(event: Event) => this.#typed(event)}
          @change=${(event: Event) => this.#settled(event)}
        />
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
  readonly #drafts = { width: new NumberDraft(), height: new NumberDraft() };

  get #height(): number {
    return Number(valueOf(this.params, this.field.height));
  }

  #set(width: number, height: number): void {
    this.changeAll([
      { name: this.field.name, value: snap(width, this.field) },
      { name: this.field.height.name, value: snap(height, this.field) },
    ]);
  }

  #picked(event: Event): void {
    const [width, height] = SIZES[Number((event.target as HTMLSelectElement).value)] ?? [];
    if (width !== undefined && height !== undefined) this.#set(width, height);
  }

  #typed(side: "width" | "height", event: Event, value: number): void {
    const typed = this.#drafts[side].typed(textIn(event), value, this.field);
    if (typed !== undefined) this.#setSide(side, typed);
  }

  #settled(side: "width" | "height", event: Event): void {
    const settled = this.#drafts[side].settled(textIn(event), this.field);
    if (settled !== undefined) this.#setSide(side, settled);
    this.requestUpdate();
  }

  #setSide(side: "width" | "height", pixels: number): void {
    if (side === "width") this.#set(pixels, this.#height);
    else this.#set(Number(this.value), pixels);
  }

  #side(side: "width" | "height", title: string, value: number) {
    const id = side === "width" ? "control" : "height";
    return html`<div class="side">
      <label for=${id}>${title}</label>
      <input
        id=${id}
        class="input"
        type="number"
        min=${this.field.minimum}
        max=${this.field.maximum}
        step=${this.field.step}
        aria-describedby="notes"
        aria-invalid=${this.invalid}
        .value=${live(this.#drafts[side].shown(value))}
        @input=${(event: Event) => this.#typed(side, event, value)}
        @change=${(event: Event) => this.#settled(side, event)}
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
        ${this.#side("width", this.field.title, width)}
        <button class="icon-button" type="button" aria-label=${t("field.sizeSwap")} title=${t("field.sizeSwap")} @click=${() => this.#set(height, width)}>
          ${icon("swap")}
        </button>
        ${this.#side("height", this.field.height.title, height)}
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

function textIn(event: Event): string {
  return (event.target as HTMLInputElement).value;
}
