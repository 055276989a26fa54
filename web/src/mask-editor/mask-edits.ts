/** The edits of a mask, each of which can be taken back and done again. */
import { type Area, type Flips, type Mask, type Point, joined } from "./mask.js";

/** The most cells that the steps to be undone may hold together. The oldest are forgotten first. */
const MOST_CELLS = 1 << 26;

/** A stroke that is being drawn. */
interface Drawing {
  before: Uint8Array;
  at: Point;
  diameter: number;
  paints: boolean;
  touched: Area | undefined;
}

export class MaskEdits {
  #done: Flips[] = [];
  #undone: Flips[] = [];
  #drawing: Drawing | undefined;
  #forgotten = false;

  constructor(
    readonly mask: Mask,
    private readonly mostCells = MOST_CELLS,
  ) {}

  get canUndo(): boolean {
    return this.#done.length > 0;
  }

  get canRedo(): boolean {
    return this.#undone.length > 0;
  }

  /** Whether there is anything that would be lost by closing. */
  get isChanged(): boolean {
    return this.canUndo || this.#forgotten;
  }

  get isDrawing(): boolean {
    return this.#drawing !== undefined;
  }

  /** Puts the brush down. Gives the area that changed, as the following do. */
  begin(at: Point, diameter: number, paints: boolean): Area | undefined {
    this.end();
    this.#drawing = { before: this.mask.cells.slice(), at, diameter, paints, touched: undefined };
    return this.draw(at);
  }

  draw(to: Point): Area | undefined {
    const drawing = this.#drawing;
    if (!drawing) return undefined;
    const area = this.mask.stroke(drawing.at, to, drawing.diameter, drawing.paints);
    if (area) drawing.touched = joined(drawing.touched, area);
    drawing.at = to;
    return area;
  }

  /** Lifts the brush: the stroke becomes one step. */
  end(): void {
    const drawing = this.#drawing;
    this.#drawing = undefined;
    if (drawing?.touched) this.#push(this.mask.since(drawing.before, drawing.touched));
  }

  /** Lifts the brush as if it had never touched. */
  cancel(): Area | undefined {
    const drawing = this.#drawing;
    this.#drawing = undefined;
    if (!drawing?.touched) return undefined;
    this.mask.flip(this.mask.since(drawing.before, drawing.touched));
    return drawing.touched;
  }

  clear(): Area {
    return this.#all(() => this.mask.fill(false));
  }

  invert(): Area {
    return this.#all(() => this.mask.invert());
  }

  undo(): Area | undefined {
    return this.#turn(this.#done, this.#undone);
  }

  redo(): Area | undefined {
    return this.#turn(this.#undone, this.#done);
  }

  #all(change: () => void): Area {
    this.end();
    const before = this.mask.cells.slice();
    change();
    this.#push(this.mask.since(before, this.mask.whole));
    return this.mask.whole;
  }

  #push(step: Flips): void {
    if (!step.cells.includes(1)) return;
    this.#done.push(step);
    this.#undone = [];
    let held = this.#done.reduce((sum, { cells }) => sum + cells.length, 0);
    while (held > this.mostCells && this.#done.length > 1) {
      held -= this.#done.shift()?.cells.length ?? 0;
      this.#forgotten = true;
    }
  }

  #turn(from: Flips[], to: Flips[]): Area | undefined {
    this.end();
    const step = from.pop();
    if (!step) return undefined;
    this.mask.flip(step);
    to.push(step);
    return step.area;
  }
}
