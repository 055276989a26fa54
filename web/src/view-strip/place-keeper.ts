/**
 * Keeps the keyboard in a card whose brick is taken away while its form is being edited: it waits on the card, and goes
 * back into the field, at the same letter, once the brick is here again.
 */
import type { ReactiveController } from "lit";
import { deepFocus } from "../elements/focus.js";
import type { QpForm } from "../forms/qp-form.js";

interface Host {
  addController(controller: ReactiveController): void;
  readonly form: QpForm | null;
  readonly article: HTMLElement | null;
  /** Whether the brick is installed. */
  readonly hasForm: boolean;
}

interface Place {
  name: string;
  caret: number | null;
}

export class PlaceKeeper implements ReactiveController {
  #place: Place | undefined;
  #leaving = false;

  constructor(private readonly host: Host) {
    host.addController(this);
  }

  hostUpdate(): void {
    const { form, hasForm } = this.host;
    if (hasForm || !form) return;
    const name = form.editing;
    this.#place = name === undefined ? undefined : { name, caret: caretOf(deepFocus()) };
    this.#leaving = this.#place !== undefined;
  }

  hostUpdated(): void {
    if (this.#leaving) this.host.article?.focus();
    this.#leaving = false;
    if (this.#place && this.host.hasForm) void this.#goBack(this.#place);
  }

  async #goBack(place: Place): Promise<void> {
    this.#place = undefined;
    const { form, article } = this.host;
    await form?.updateComplete;
    if (!form || deepFocus() !== article || !form.focusField(place.name)) return;
    const field = deepFocus();
    if (isText(field) && place.caret !== null) field.setSelectionRange(place.caret, place.caret);
  }
}

function isText(element: HTMLElement | undefined): element is HTMLInputElement | HTMLTextAreaElement {
  return element instanceof HTMLTextAreaElement || (element instanceof HTMLInputElement && element.type === "text");
}

function caretOf(element: HTMLElement | undefined): number | null {
  return isText(element) ? element.selectionStart : null;
}
