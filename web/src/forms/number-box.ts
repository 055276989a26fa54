/** The box that a number is typed into, as it stands in several fields. */
import { type ReactiveControllerHost, css, html, nothing } from "lit";
import { ifDefined } from "lit/directives/if-defined.js";
import { live } from "lit/directives/live.js";
import { NumberDraft } from "./number-draft.js";
import type { Bounds } from "./schema.js";

/** Without the browser's small arrows: the arrow keys do the same. */
export const numberBoxLook = css`
  input[type="number"] {
    appearance: textfield;
    -moz-appearance: textfield;
  }

  input[type="number"]::-webkit-inner-spin-button {
    display: none;
  }
`;

export interface NumberBoxView {
  id: string;
  value: number | null;
  /** Whether it may be left empty. */
  optional: boolean;
  bounds: Bounds;
  invalid: "true" | "false";
  placeholder?: string;
}

export class NumberBox {
  readonly #draft = new NumberDraft();

  /** `set` is called with each number typed, and with `null` when a box that may be empty is emptied. */
  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly set: (value: number | null) => void,
  ) {}

  #typed(input: HTMLInputElement, { value, optional }: NumberBoxView): void {
    const typed = this.#draft.typed(input.value, value, { optional, readable: !input.validity.badInput });
    if (typed !== undefined) this.set(typed);
  }

  #settled(input: HTMLInputElement, view: NumberBoxView): void {
    this.#typed(input, view);
    this.#draft.settled();
    // Takes away what the browser shows but gives no text for.
    if (input.validity.badInput) input.value = "";
    this.host.requestUpdate();
  }

  render(view: NumberBoxView) {
    const { id, value, bounds, invalid, placeholder } = view;
    return html`<input
      id=${id}
      class="input number"
      type="number"
      min=${bounds.minimum ?? nothing}
      max=${bounds.maximum ?? nothing}
      step=${bounds.step}
      placeholder=${ifDefined(placeholder)}
      aria-describedby="notes"
      aria-invalid=${invalid}
      .value=${live(this.#draft.shown(value))}
      @input=${(event: Event) => this.#typed(event.target as HTMLInputElement, view)}
      @change=${(event: Event) => this.#settled(event.target as HTMLInputElement, view)}
    />`;
  }
}
