/** What pointers on the picture mean: one draws, two fingers move and zoom, and some presses move only. */
import type { Point } from "./mask.js";

/** What is done by gestures; all points are in the frame. */
export interface GestureTarget {
  begin(at: Point, erases: boolean): void;
  draw(to: Point): void;
  end(): void;
  /** What was drawn since `begin` was not meant. */
  cancel(): void;
  pan(by: Point): void;
  zoom(factor: number, at: Point): void;
}

/** A pointer that comes down. */
export interface Press {
  id: number;
  at: Point;
  isTouch: boolean;
  /** It moves the picture: the middle button, or any while the space bar is held. */
  pans: boolean;
  /** The other end of a pen. */
  erases: boolean;
}

type Doing = { kind: "nothing" } | { kind: "drawing" | "panning"; id: number } | { kind: "pinching"; ids: [number, number] };

export class Gestures {
  readonly #at = new Map<number, Point>();
  #doing: Doing = { kind: "nothing" };

  constructor(private readonly target: GestureTarget) {}

  down({ id, at, isTouch, pans, erases }: Press): void {
    const first = [...this.#at.keys()].at(0);
    if (first !== undefined && isTouch && this.#at.size === 1 && this.#doing.kind !== "nothing") {
      if (this.#doing.kind === "drawing") this.target.cancel();
      this.#at.set(id, at);
      this.#doing = { kind: "pinching", ids: [first, id] };
      return;
    }
    if (this.#at.size > 0) return;
    this.#at.set(id, at);
    this.#doing = { kind: pans ? "panning" : "drawing", id };
    if (!pans) this.target.begin(at, erases);
  }

  move(id: number, at: Point): void {
    const before = this.#at.get(id);
    if (!before) return;
    this.#at.set(id, at);
    const doing = this.#doing;
    if (doing.kind === "drawing") this.target.draw(at);
    if (doing.kind === "panning") this.target.pan(from(before, at));
    if (doing.kind === "pinching") this.#pinch(doing.ids, id, before);
  }

  /** A pointer is lifted, or `lost` to something else such as a scroll of the system. */
  up(id: number, lost = false): void {
    if (!this.#at.delete(id)) return;
    const doing = this.#doing;
    if (doing.kind === "drawing") {
      if (lost) this.target.cancel();
      else this.target.end();
    }
    // Of two fingers, the one that stays moves the picture: lifting both at the very same time is not to be asked for.
    const last = [...this.#at.keys()].at(0);
    this.#doing = last === undefined ? { kind: "nothing" } : { kind: "panning", id: last };
  }

  #pinch([one, other]: [number, number], id: number, before: Point): void {
    const still = this.#at.get(id === one ? other : one);
    const now = this.#at.get(id);
    if (!still || !now) return;
    const [was, is] = [middle(before, still), middle(now, still)];
    this.target.pan(from(was, is));
    const spread = distance(before, still);
    if (spread > 0) this.target.zoom(distance(now, still) / spread, is);
  }
}

function from(a: Point, b: Point): Point {
  return { x: b.x - a.x, y: b.y - a.y };
}

function middle(a: Point, b: Point): Point {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

function distance(a: Point, b: Point): number {
  return Math.hypot(b.x - a.x, b.y - a.y);
}
