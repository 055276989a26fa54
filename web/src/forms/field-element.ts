/** The base of the fields: a label, a control, a hint and what is wrong with the value. */
import { type CSSResultGroup, LitElement, type TemplateResult, css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import { asText } from "../net/json.js";
import type { Json, JsonObject, Problem } from "../net/types.js";
import type { ParamChange } from "../store/commands.js";
import type { State } from "../store/state.js";
import type { Studio } from "../store/studio.js";
import { watch } from "../store/watch.js";
import { base, controls } from "../styles/shared.js";
import { type FieldOf, type Widget, valueOf } from "./schema.js";

/** Sent by a field when the person changes a value; `detail` lists the parameters to set. */
export type ParamsChanged = CustomEvent<ParamChange[]>;

export abstract class FieldElement<W extends Widget> extends LitElement {
  @property({ attribute: false }) studio!: Studio;
  @property({ attribute: false }) field!: FieldOf<W>;
  @property({ attribute: false }) params: JsonObject = {};
  /** What is wrong with the parameters of this field, in the server's words. */
  @property({ attribute: false }) faults: Problem[] = [];

  #unwatch: (() => void) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#unwatch = watch(
      this.studio.store,
      (state) => this.watched?.(state),
      () => this.requestUpdate(),
    );
  }

  override disconnectedCallback(): void {
    this.#unwatch?.();
    super.disconnectedCallback();
  }

  /** What the field shows of the state, beside its parameters. */
  protected watched?(state: State): unknown;

  protected get value(): Json {
    return valueOf(this.params, this.field);
  }

  /** The value as it stands in a text box. */
  protected get text(): string {
    return asText(this.value);
  }

  protected change(value: Json, name = this.field.name): void {
    this.changeAll([{ name, value }]);
  }

  protected changeAll(changes: ParamChange[]): void {
    this.dispatchEvent(new CustomEvent<ParamChange[]>("qp-params", { detail: changes, bubbles: true, composed: true }));
  }

  protected get invalid(): "true" | "false" {
    return this.faults.length > 0 ? "true" : "false";
  }

  /** For a field of several parameters: whether something is wrong with this one. */
  protected invalidAt(name: string): "true" | "false" {
    return this.faults.some((fault) => fault.name === name) ? "true" : "false";
  }

  /** Goes under the control; the control names it by `aria-describedby="notes"`. */
  protected notes(): TemplateResult {
    const none = this.field.description === "" && this.faults.length === 0;
    return html`<div id="notes" class="notes" ?hidden=${none}>
      ${this.field.description ? html`<p class="hint">${this.field.description}</p>` : nothing}
      ${this.faults.map((fault) => html`<p class="fault">${icon("alert")}<span>${fault.message}</span></p>`)}
    </div>`;
  }

  static override readonly styles: CSSResultGroup = [
    base,
    controls,
    css`
      /* A path has no place to break at, and must not make the card's fields wider than the card. */
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 6px;
        align-content: start;
        overflow-wrap: anywhere;
      }

      .notes {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 4px;
      }

      .head {
        display: flex;
        align-items: baseline;
        justify-content: space-between;
        gap: 8px;
      }
    `,
  ];
}
