/** Fields for a choice: yes or no, one of a list, one of the models. */
import { type PropertyValues, css, html, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import { t } from "../i18n/text.js";
import { fileName } from "../models-page/model-search.js";
import type { Json, Model } from "../net/types.js";
import type { State } from "../store/state.js";
import { switchLook } from "../styles/switch.js";
import { FieldElement } from "./field-element.js";
import type { Widget } from "./schema.js";

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
    switchLook,
    css`
      .row {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 12px;
        min-height: 36px;
      }
    `,
  ];
}

/** A list to choose one value from. */
abstract class ListField<W extends Widget> extends FieldElement<W> {
  /** `unlisted` names the value as long as it is none of the list. */
  protected list(entries: readonly { value: Json; label: string }[], unlisted: string) {
    const current = JSON.stringify(this.value);
    const isCurrent = (entry: { value: Json }): boolean => JSON.stringify(entry.value) === current;
    return html`
      <label for="control">${this.field.title}</label>
      <select
        id="control"
        class="input"
        aria-describedby="notes"
        aria-invalid=${this.invalid}
        @change=${(event: Event) => this.change(entries[Number((event.target as HTMLSelectElement).value)]?.value ?? null)}
      >
        ${entries.some(isCurrent) ? nothing : html`<option value="-1" selected>${unlisted}</option>`}
        ${entries.map((entry, index) => html`<option value=${index} .selected=${isCurrent(entry)}>${entry.label}</option>`)}
      </select>
      ${this.notes()}
    `;
  }
}

@customElement("qp-field-select")
export class QpFieldSelect extends ListField<"select"> {
  override render() {
    return this.list(this.field.choices, t("field.unknownChoice", { value: this.text }));
  }
}

@customElement("qp-field-model")
export class QpFieldModel extends ListField<"model"> {
  /** Also when another document's brick takes this one's place. */
  override willUpdate(changed: PropertyValues<this>): void {
    super.willUpdate(changed);
    if (changed.has("field")) this.studio.needModels(this.field.family);
  }

  protected override watched(state: State): unknown {
    return [state.models[this.field.family], state.brokenModels];
  }

  /** What is there for this field and can't be used: one with its reason, more by their number. */
  #broken(usable: boolean) {
    const families = this.field.family.split(",");
    const concerned = this.studio.store.state.brokenModels.filter(({ family }) => family && families.includes(family));
    const chosen = concerned.find(({ path }) => fileName(path).replace(/\.[^.]+$/, "") === this.text);
    // What is wrong with the chosen one stands at the field already.
    if (chosen?.get && this.faults.length > 0) return this.#way(chosen.get);
    const [first, ...others] = concerned;
    // Where several fields may stay empty, each would say it; the page of models does.
    if (!first || (this.field.default === "" && usable)) return nothing;
    if (others.length === 0) {
      const said = t("field.modelBroken", { name: fileName(first.path), message: first.message });
      return html`<p class="hint">${said}</p>
        ${first.get ? this.#way(first.get) : nothing}`;
    }
    return html`<p class="hint">
      ${t("field.modelsBroken", { count: String(concerned.length) })}
      <button class="link" type="button" @click=${() => this.studio.shelf.open()}>${t("field.modelsBrokenWhy")}</button>
    </p>`;
  }

  /** The way to a model on the page of models. */
  #way(name: string) {
    return html`<button class="button small" type="button" @click=${() => this.studio.shelf.open(name)}>${icon("download")}${t("field.modelGet", { model: name })}</button>`;
  }

  /** The way to a model that the document names and nobody has. */
  #missing(models: readonly Model[] | undefined) {
    const name = this.text;
    if (!models || name === "" || models.some((model) => model.id === name)) return nothing;
    return this.#way(name);
  }

  override render() {
    const models = this.studio.store.state.models[this.field.family];
    const none = this.field.default === "" ? [{ value: "", label: t("field.modelNone") }] : [];
    const entries = [...none, ...(models ?? []).map((model) => ({ value: model.id, label: modelLabel(model) }))];
    const unlisted = models ? t("field.modelMissing", { model: this.text }) : this.text;
    return html`${this.list(entries, unlisted)} ${this.#missing(models)} ${this.#broken((models ?? []).length > 0)}`;
  }

  static override readonly styles = [
    FieldElement.styles,
    css`
      .link {
        padding: 0;
        border: 0;
        background: none;
        color: inherit;
        text-decoration: underline;
        text-underline-offset: 3px;
      }
    `,
  ];
}

function modelLabel(model: Model): string {
  const label = model.label || model.id;
  return model.native_size ? t("field.model", { label, size: model.native_size }) : label;
}
