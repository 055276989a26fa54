/** Draws the form of a brick from its parameter schema. */
import { LitElement, type TemplateResult, css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { t } from "../i18n/text.js";
import type { JsonObject, Problem } from "../net/types.js";
import type { Studio } from "../store/studio.js";
import { base } from "../styles/shared.js";
import { type Steady, namesOf, steady } from "./editing.js";
import "./choice-fields.js";
import "./qp-field-colour.js";
import "./number-fields.js";
import "./qp-field-folder.js";
import "./qp-field-image.js";
import "./qp-field-mask.js";
import "./qp-field-size.js";
import "./qp-field-styles.js";
import { type Field, counts, fields } from "./schema.js";
import "./text-fields.js";

@customElement("qp-form")
export class QpForm extends LitElement {
  @property({ attribute: false }) studio!: Studio;
  @property({ attribute: false }) schema: JsonObject = {};
  @property({ attribute: false }) params: JsonObject = {};
  @property({ attribute: false }) problems: Problem[] = [];
  /** The kind of brick, and its id in the document. */
  @property() brick = "";
  @property() instance = "";
  @property({ type: Number }) lastSeed: number | undefined;

  #shown: Steady = { fields: [], gone: new Set() };
  /** The parameter whose field has the keyboard. */
  #editing: string | undefined;

  constructor() {
    super();
    this.addEventListener("focusin", (event) => (this.#editing = this.#nameAt(event)));
    this.addEventListener("focusout", () => this.#left());
  }

  /** The parameter that is being edited. */
  get editing(): string | undefined {
    return this.#editing;
  }

  /** Where a focus event was, which outside this element looks as if it was the element itself. */
  #nameAt(event: FocusEvent): string | undefined {
    const field = event.composedPath().find((node) => node instanceof HTMLElement && node.getRootNode() === this.renderRoot && "name" in node.dataset);
    return field instanceof HTMLElement ? field.dataset["name"] : undefined;
  }

  #left(): void {
    // Going to another window, where the brick may be edited, is not leaving the field.
    if (!document.hasFocus()) return;
    this.#editing = undefined;
    // What was held still while it was edited may now follow its brick.
    this.requestUpdate();
  }

  protected override willUpdate(): void {
    this.#shown = steady(fields(this.schema), this.#shown.fields, this.#editing, this.params);
  }

  /** Puts the keyboard into the field of this parameter; `false` when there is none. */
  focusField(name: string): boolean {
    const target = this.renderRoot.querySelector<HTMLElement>(`[data-name="${CSS.escape(name)}"]`);
    const control = target?.shadowRoot?.querySelector<HTMLElement>("#control, button");
    control?.focus();
    return control !== undefined && control !== null;
  }

  #faults(field: Field): Problem[] {
    const names = namesOf(field);
    return this.problems.filter((problem) => names.includes(problem.name ?? ""));
  }

  #field(field: Field): TemplateResult {
    const { studio, params } = this;
    const faults = this.#faults(field);
    const name = field.name;
    switch (field.widget) {
      case "prompt":
        return html`<qp-field-prompt data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults}></qp-field-prompt>`;
      case "text":
        return html`<qp-field-text data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults}></qp-field-text>`;
      case "colour":
        return html`<qp-field-colour data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults}></qp-field-colour>`;
      case "number":
        return html`<qp-field-number data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults}></qp-field-number>`;
      case "switch":
        return html`<qp-field-switch data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults}></qp-field-switch>`;
      case "select":
        return html`<qp-field-select data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults}></qp-field-select>`;
      case "model":
        return html`<qp-field-model data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults}></qp-field-model>`;
      case "seed":
        return html`<qp-field-seed data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults} .lastSeed=${this.lastSeed}></qp-field-seed>`;
      case "size":
        return html`<qp-field-size data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults}></qp-field-size>`;
      case "styles":
        return html`<qp-field-styles data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults}></qp-field-styles>`;
      case "image":
        return html`<qp-field-image data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults}></qp-field-image>`;
      case "mask":
        return html`<qp-field-mask data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults} .instance=${this.instance}></qp-field-mask>`;
      case "folder":
        return html`<qp-field-folder data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults} .brick=${this.brick}></qp-field-folder>`;
      case "json":
        return html`<qp-field-json data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults}></qp-field-json>`;
    }
  }

  override render() {
    const { fields: shown, gone } = this.#shown;
    return repeat(
      shown.filter((field) => counts(field, shown, this.params)),
      (field) => field.name,
      (field) => html`${this.#field(field)}${gone.has(field.name) ? html`<p class="gone" role="status">${t("field.gone")}</p>` : nothing}`,
    );
  }

  static override readonly styles = [
    base,
    css`
      :host {
        display: grid;
        gap: 14px;
        align-content: start;
      }

      .gone {
        margin-top: -8px;
        color: var(--warn);
        font-size: 12px;
      }
    `,
  ];
}
