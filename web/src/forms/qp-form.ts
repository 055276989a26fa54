/** Draws the form of a brick from its parameter schema. */
import { LitElement, type TemplateResult, css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { JsonObject, Problem } from "../net/types.js";
import type { Studio } from "../store/studio.js";
import "./choice-fields.js";
import "./number-fields.js";
import "./qp-field-folder.js";
import "./qp-field-image.js";
import "./qp-field-size.js";
import "./qp-field-styles.js";
import { type Field, fields } from "./schema.js";
import "./text-fields.js";

@customElement("qp-form")
export class QpForm extends LitElement {
  @property({ attribute: false }) studio!: Studio;
  @property({ attribute: false }) schema: JsonObject = {};
  @property({ attribute: false }) params: JsonObject = {};
  @property({ attribute: false }) problems: Problem[] = [];
  @property() brick = "";
  @property({ type: Number }) lastSeed: number | undefined;

  /** Puts the keyboard into the field of this parameter; `false` when there is none. */
  focusField(name: string): boolean {
    const target = this.renderRoot.querySelector<HTMLElement>(`[data-name="${CSS.escape(name)}"]`);
    const control = target?.shadowRoot?.querySelector<HTMLElement>("#control, button");
    control?.focus();
    return control !== undefined && control !== null;
  }

  #faults(field: Field): Problem[] {
    const names = field.widget === "size" ? [field.name, field.height.name] : [field.name];
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
      case "folder":
        return html`<qp-field-folder data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults} .brick=${this.brick}></qp-field-folder>`;
      case "json":
        return html`<qp-field-json data-name=${name} .studio=${studio} .field=${field} .params=${params} .faults=${faults}></qp-field-json>`;
    }
  }

  override render() {
    return repeat(
      fields(this.schema),
      (field) => field.name,
      (field) => this.#field(field),
    );
  }

  static override readonly styles = css`
    :host {
      display: grid;
      gap: 14px;
      align-content: start;
    }
  `;
}
