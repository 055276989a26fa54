/** Fields for a choice: yes or no, one of a list, one of the models. */
import { css, html, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { t } from "../i18n/text.js";
import type { Model } from "../net/types.js";
import type { State } from "../store/state.js";
import { FieldElement } from "./field-element.js";

@customElement("qp-field-switch")
export class QpFieldSwitch extends FieldElement<"switch"> {
  override render() {
    return html`
      <label class="row" for="control">
        <span>${this.field.title}</span>
        <input
          id="control"
          type="checkbox"
          role="switch"
          aria-describedby="notes"
          aria-checked=${this.value === true ? "true" : "false"}
          .checked=${this.value === true}
          @change=${(event: Event) => this.change((event.target as HTMLInputElement).checked)}
        />
      </label>
      ${this.notes()}
    `;
  }

  static override readonly styles = [
    FieldElement.styles,
    css`
      .row {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 12px;
        min-height: 36px;
      }

      input {
        appearance: none;
        position: relative;
        width: 40px;
        height: 22px;
        margin: 0;
        border: 1px solid var(--line-strong);
        border-radius: 11px;
        background: var(--surface-sunken);
        cursor: pointer;
        transition: background var(--quick);
      }

      input::after {
        content: "";
        position: absolute;
        inset: 2px auto 2px 2px;
        width: 16px;
        border-radius: 50%;
        background: var(--text-soft);
        transition: transform var(--quick), background var(--quick);
      }

      input:checked {
        border-color: transparent;
        background: var(--accent);
      }

      input:checked::after {
        background: var(--accent-text);
        transform: translateX(18px);
      }
    `,
  ];
}

@customElement("qp-field-select")
export class QpFieldSelect extends FieldElement<"select"> {
  override render() {
    const current = JSON.stringify(this.value);
    const known = this.field.choices.some((choice) => JSON.stringify(choice.value) === current);
    return html`
      <label for="control">${this.field.title}</label>
      <select
        id="control"
        class="input"
        aria-describedby="notes"
        aria-invalid=${this.invalid}
        @change=${(event: Event) => this.change(this.field.choices[Number((event.target as HTMLSelectElement).value)]?.value ?? null)}
      >
        ${known ? nothing : html`<option value="-1" selected>${t("field.unknownChoice", { value: this.text })}</option>`}
        ${this.field.choices.map(
          (choice, index) => html`<option value=${index} .selected=${JSON.stringify(choice.value) === current}>${choice.label}</option>`,
        )}
      </select>
      ${this.notes()}
    `;
  }
}

@customElement("qp-field-model")
export class QpFieldModel extends FieldElement<"model"> {
  override connectedCallback(): void {
    super.connectedCallback();
    this.studio.needModels(this.field.family);
  }

  protected override watched(state: State): unknown {
    return [state.models[this.field.family], state.brokenModels];
  }

  #broken() {
    return this.studio.store.state.brokenModels.map(({ path, message }) => html`<p class="hint">${t("field.modelBroken", { path, message })}</p>`);
  }

  override render() {
    const models = this.studio.store.state.models[this.field.family];
    const value = this.text;
    const known = models?.some((model) => model.id === value) ?? false;
    return html`
      <label for="control">${this.field.title}</label>
      <select
        id="control"
        class="input"
        aria-describedby="notes"
        aria-invalid=${this.invalid}
        @change=${(event: Event) => this.change((event.target as HTMLSelectElement).value)}
      >
        ${known ? nothing : html`<option value=${value} selected>${models ? t("field.modelMissing", { model: value }) : value}</option>`}
        ${repeat(
          models ?? [],
          (model) => model.id,
          (model) => html`<option value=${model.id} .selected=${model.id === value}>${modelLabel(model)}</option>`,
        )}
      </select>
      ${this.notes()} ${this.#broken()}
    `;
  }
}

function modelLabel(model: Model): string {
  return t("field.model", { label: model.label || model.id, size: model.native_size });
}
