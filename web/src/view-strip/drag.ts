/** Reordering by pointer: the grabbed card follows, a mark shows where it would go, and the drop is one move. */

/** The extent of a card along the strip, in pixels. */
export interface Span {
  start: number;
  end: number;
}

/**
 * The place, counted from 0 among all cards, that the card at `from` gets when it is dropped at `pointer`:
 * behind every other card whose middle lies before the pointer.
 */
export function dropIndex(spans: readonly Span[], from: number, pointer: number): number {
  return spans.filter((span, index) => index !== from && (span.start + span.end) / 2 < pointer).length;
}

export interface DragHost {
  cards(): HTMLElement[];
  /** Shows where the card would go; `undefined` when nothing is dragged. */
  mark(index: number | undefined, dragged: number): void;
  drop(from: number, to: number): void;
}

const THRESHOLD_PX = 6;
const EDGE_PX = 56;
const SCROLL_PX_PER_FRAME = 14;

export class StripDrag {
  #end: (() => void) | undefined;

  constructor(private readonly host: DragHost) {}

  start(event: PointerEvent, card: HTMLElement, scroller: HTMLElement): void {
    if (event.button !== 0) return;
    this.#end?.();
    const cards = this.host.cards();
    const from = cards.indexOf(card);
    const vertical = getComputedStyle(scroller).flexDirection === "column";
    const along = (pointer: { clientX: number; clientY: number }): number => (vertical ? pointer.clientY : pointer.clientX);
    const scrolled = (): number => (vertical ? scroller.scrollTop : scroller.scrollLeft);
    const origin = along(event) + scrolled();
    const spans = cards.map((other) => spanOf(other, vertical, scrolled()));
    let pointer = along(event);
    let frame = 0;
    let moving = false;

    const draw = (): void => {
      frame = 0;
      const position = pointer + scrolled();
      if (!moving && Math.abs(position - origin) < THRESHOLD_PX) return;
      moving = true;
      card.style.transform = vertical ? `translateY(${position - origin}px)` : `translateX(${position - origin}px)`;
      card.toggleAttribute("dragged", true);
      this.host.mark(dropIndex(spans, from, position), from);
      if (scrollAtEdge(scroller, pointer, vertical)) schedule();
    };
    const schedule = (): void => {
      frame ||= requestAnimationFrame(draw);
    };
    const moved = (next: PointerEvent): void => {
      pointer = along(next);
      schedule();
    };
    const finish = (dropped: boolean): void => {
      const to = dropIndex(spans, from, pointer + scrolled());
      this.#end?.();
      if (dropped && moving) this.host.drop(from, to);
    };
    const released = (): void => finish(true);
    const cancelled = (): void => finish(false);
    const keyed = (key: KeyboardEvent): void => {
      if (key.key === "Escape") finish(false);
    };

    this.#end = () => {
      this.#end = undefined;
      cancelAnimationFrame(frame);
      window.removeEventListener("pointermove", moved);
      window.removeEventListener("pointerup", released);
      window.removeEventListener("pointercancel", cancelled);
      window.removeEventListener("keydown", keyed);
      card.style.transform = "";
      card.toggleAttribute("dragged", false);
      this.host.mark(undefined, from);
    };
    window.addEventListener("pointermove", moved);
    window.addEventListener("pointerup", released);
    window.addEventListener("pointercancel", cancelled);
    window.addEventListener("keydown", keyed);
  }

  cancel(): void {
    this.#end?.();
  }
}

function spanOf(card: HTMLElement, vertical: boolean, scrolled: number): Span {
  const box = card.getBoundingClientRect();
  return vertical ? { start: box.top + scrolled, end: box.bottom + scrolled } : { start: box.left + scrolled, end: box.right + scrolled };
}

function scrollAtEdge(scroller: HTMLElement, pointer: number, vertical: boolean): boolean {
  const box = scroller.getBoundingClientRect();
  const [start, end] = vertical ? [box.top, box.bottom] : [box.left, box.right];
  const by = pointer < start + EDGE_PX ? -SCROLL_PX_PER_FRAME : pointer > end - EDGE_PX ? SCROLL_PX_PER_FRAME : 0;
  if (by !== 0) scroller.scrollBy(vertical ? { top: by } : { left: by });
  return by !== 0;
}
