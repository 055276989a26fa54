/**
 * What is being typed into a number box. Every number counts at once and as it stands, allowed or not, so that a run
 * started from within the box uses it and the server's check can say what is wrong with it. What is no number yet ("-"
 * on the way to "-1") stays as typed and changes nothing.
 */
export interface Reading {
  /** Whether an empty box means no number, instead of nothing new. */
  optional?: boolean;
  /** The browser gives an empty text for what it can't read as a number; then this is false. */
  readable?: boolean;
}

export class NumberDraft {
  #text: string | undefined;
  #standsFor: number | null = null;

  /** The text to show for a value: what is being typed, for as long as the value is the one that it was typed for. */
  shown(value: number | null): string {
    if (this.#text !== undefined && this.#standsFor === value) return this.#text;
    return value === null ? "" : String(value);
  }

  /** Takes a key stroke. Gives what to set, `undefined` when nothing changes. */
  typed(text: string, value: number | null, { optional = false, readable = true }: Reading = {}): number | null | undefined {
    const typed = readable ? numberIn(text, optional) : undefined;
    this.#text = text;
    this.#standsFor = typed === undefined ? value : typed;
    return typed === value ? undefined : typed;
  }

  /** Typing has ended: the box shows the value again. */
  settled(): void {
    this.#text = undefined;
  }
}

function numberIn(text: string, optional: boolean): number | null | undefined {
  if (text.trim() === "") return optional ? null : undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}
