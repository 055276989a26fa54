/** A width with its height: typed, swapped, or one of the common sizes. A side left empty follows the model. */
import { css, html, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import { t } from "../i18n/text.js";
import type { State } from "../store/state.js";
import { FieldElement } from "./field-element.js";
import { nativeSize } from "./native-size.js";
import { NumberBox, numberBoxLook } from "./number-box.js";
import { snap, valueOf } from "./schema.js";

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

/** The places in the list of common sizes that are none of them. */
const OPEN = "open";
const UNLISTED = "unlisted";

type Side = number | null;

@customElement("qp-field-size")
export class QpFieldSize extends FieldElement<"size"> {
  readonly #boxes = {
    width: new NumberBox(this, (width) => this.#set(width, this.#height)),
    height: new NumberBox(this, (height) => this.#set(this.#width, height)),
  };

  protected override watched(state: State): unknown {
    return nativeSize(state);
  }

  get #width(): Side {
    return sideOf(this.value);
  }

  get #height(): Side {
    return sideOf(valueOf(this.params, this.field.height));
  }

  #set(width: Side, height: Side): void {
    this.changeAll([
      { name: this.field.name, value: width },
      { name: this.field.height.name, value: height },
    ]);
  }

  #picked(event: Event): void {
    const picked = (event.target as HTMLSelectElement).value;
    if (picked === OPEN) return this.#set(null, null);
    const [width, height] = SIZES[Number(picked)] ?? [];
    if (width !== undefined && height !== undefined) this.#set(width, height);
  }

  #side(side: "width" | "height", named: { name: string; title: string }, value: Side) {
    const id = side === "width" ? "control" : "height";
    const { optional } = this.field;
    const native = nativeSize(this.studio.store.state);
    return html`<div class="side">
      <label for=${id}>${named.title}</label>
      ${this.#boxes[side].render({
        id,
        value,
        optional,
        bounds: this.field,
        invalid: this.invalidAt(named.name),
        ...(optional ? { placeholder: native === undefined ? t("field.auto") : String(native) } : {}),
      })}
    </div>`;
  }

  #common(width: Side, height: Side) {
    const fitting = SIZES.flatMap(([w, h], index) => (this.#fits(w) && this.#fits(h) ? [{ w, h, index }] : []));
    const open = this.field.optional && width === null && height === null;
    const listed = open || fitting.some(({ w, h }) => w === width && h === height);
    return html`<select class="input" aria-label=${t("field.sizePreset")} @change=${(event: Event) => this.#picked(event)}>
      ${this.field.optional ? html`<option value=${OPEN} .selected=${open}>${t("field.sizeModel")}</option>` : nothing}
      ${listed ? nothing : html`<option value=${UNLISTED} selected>${t("field.sizeOwn")}</option>`}
      ${fitting.map(
        ({ w, h, index }) => html`<option value=${index} .selected=${w === width && h === height}>${t(shape(w, h), { width: w, height: h })}</option>`,
      )}
    </select>`;
  }

  override render() {
    const [width, height] = [this.#width, this.#height];
    return html`
      <div class="pair">
        ${this.#side("width", this.field, width)}
        <button class="icon-button" type="button" aria-label=${t("field.sizeSwap")} title=${t("field.sizeSwap")} @click=${() => this.#set(height, width)}>
          ${icon("swap")}
        </button>
        ${this.#side("height", this.field.height, height)}
      </div>
      ${this.#common(width, height)} ${this.notes()}
    `;
  }

  #fits(side: number): boolean {
    return snap(side, this.field) === side;
  }

  static override readonly styles = [
    FieldElement.styles,
    numberBoxLook,
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

function sideOf(value: unknown): Side {
  return typeof value === "number" ? value : null;
}

function shape(width: number, height: number): "field.sizeSquare" | "field.sizeTall" | "field.sizeWide" {
  if (width === height) return "field.sizeSquare";
  return width < height ? "field.sizeTall" : "field.sizeWide";
}
