/**
 * What is being typed into a number box. A number counts as soon as it is allowed, so that a run started from within
 * the box uses it; what is not a number yet ("-", "5" on the way to "512") stays as typed and changes nothing.
 */
import { type Bounds, snap } from "./schema.js";

export class NumberDraft {
  #text: string | undefined;
  #standsFor: number | null = null;

  /** The text to show for a value: what is being typed, for as long as the value is the one that it was typed for. */
  shown(value: number | null): string {
    if (this.#text !== undefined && this.#standsFor === value) return this.#text;
    return value === null ? "" : String(value);
  }

  /** Takes a key stroke. Gives the number to set, if what stands there now is allowed. */
  typed(text: string, value: number | null, bounds: Bounds): number | undefined {
    const typed = text.trim() === "" ? NaN : Number(text);
    const allowed = Number.isFinite(typed) && snap(typed, bounds) === typed;
    this.#text = text;
    this.#standsFor = allowed ? typed : value;
    return allowed && typed !== value ? typed : undefined;
  }

  /** Typing has ended. Gives the nearest number allowed, `undefined` when no number stands there. */
  settled(text: string, bounds: Bounds): number | undefined {
    this.#text = undefined;
    const typed = text.trim() === "" ? NaN : Number(text);
    return Number.isFinite(typed) ? snap(typed, bounds) : undefined;
  }
}
