/** A mask as plain cells, one for each pixel: painted over or not, so its edges are hard. */

export interface Point {
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

/** A rectangle of whole cells. */
export interface Area extends Point, Size {}

/** Cells to flip within an area, row by row: 1 flips. Flipping them again takes it back. */
export interface Flips {
  area: Area;
  cells: Uint8Array;
}

export class Mask implements Size {
  /** Row by row from the top: 1 is painted over. */
  readonly cells: Uint8Array;
  #painted = 0;

  constructor(
    readonly width: number,
    readonly height: number,
    isPainted: (cell: number) => boolean = () => false,
  ) {
    this.cells = new Uint8Array(width * height);
    for (let cell = 0; cell < this.cells.length; cell += 1) this.#set(cell, isPainted(cell) ? 1 : 0);
  }

  /** How many cells are painted over. */
  get painted(): number {
    return this.#painted;
  }

  get whole(): Area {
    return { x: 0, y: 0, width: this.width, height: this.height };
  }

  /**
   * Draws a round brush along a line, in coordinates of the picture, where cell 0 reaches from 0 to 1. Gives the area
   * that may have changed; none where the line lies outside.
   */
  stroke(from: Point, to: Point, diameter: number, paints: boolean): Area | undefined {
    const radius = diameter / 2;
    const area = this.#clipped({
      left: Math.floor(Math.min(from.x, to.x) - radius),
      top: Math.floor(Math.min(from.y, to.y) - radius),
      right: Math.ceil(Math.max(from.x, to.x) + radius),
      bottom: Math.ceil(Math.max(from.y, to.y) + radius),
    });
    if (!area) return undefined;
    const value = paints ? 1 : 0;
    this.#each(area, (cell, x, y) => {
      if (distanceSquared(x + 0.5, y + 0.5, from, to) <= radius * radius) this.#set(cell, value);
    });
    return area;
  }

  fill(paints: boolean): void {
    for (let cell = 0; cell < this.cells.length; cell += 1) this.#set(cell, paints ? 1 : 0);
  }

  invert(): void {
    for (let cell = 0; cell < this.cells.length; cell += 1) this.#set(cell, 1 - this.#at(cell));
  }

  flip({ area, cells }: Flips): void {
    let place = 0;
    this.#each(area, (cell) => {
      if (cells[place] === 1) this.#set(cell, 1 - this.#at(cell));
      place += 1;
    });
  }

  /** What differs from cells of the same size as they were before. */
  since(before: Uint8Array, area: Area): Flips {
    const cells = new Uint8Array(area.width * area.height);
    let place = 0;
    this.#each(area, (cell) => {
      cells[place] = this.#at(cell) === before[cell] ? 0 : 1;
      place += 1;
    });
    return { area, cells };
  }

  /** The colour of each cell of an area, as RGBA bytes. */
  pixels(area: Area, painted: Colour, other: Colour): Uint8ClampedArray<ArrayBuffer> {
    const bytes = new Uint8ClampedArray(area.width * area.height * 4);
    let place = 0;
    this.#each(area, (cell) => {
      bytes.set(this.#at(cell) === 1 ? painted : other, place);
      place += 4;
    });
    return bytes;
  }

  #at(cell: number): number {
    return this.cells[cell] ?? 0;
  }

  #set(cell: number, value: number): void {
    this.#painted += value - this.#at(cell);
    this.cells[cell] = value;
  }

  #each(area: Area, visit: (cell: number, x: number, y: number) => void): void {
    for (let y = area.y; y < area.y + area.height; y += 1) {
      for (let x = area.x; x < area.x + area.width; x += 1) visit(y * this.width + x, x, y);
    }
  }

  #clipped(edges: { left: number; top: number; right: number; bottom: number }): Area | undefined {
    const x = Math.max(0, edges.left);
    const y = Math.max(0, edges.top);
    const width = Math.min(this.width, edges.right) - x;
    const height = Math.min(this.height, edges.bottom) - y;
    return width > 0 && height > 0 ? { x, y, width, height } : undefined;
  }
}

/** Red, green, blue and alpha, 0 to 255 each. */
export type Colour = readonly [number, number, number, number];

/** The smallest area that holds both. */
export function joined(one: Area | undefined, other: Area): Area {
  if (!one) return other;
  const x = Math.min(one.x, other.x);
  const y = Math.min(one.y, other.y);
  return {
    x,
    y,
    width: Math.max(one.x + one.width, other.x + other.width) - x,
    height: Math.max(one.y + one.height, other.y + other.height) - y,
  };
}

/** Of a point to the nearest one of a line from `from` to `to`. Asked for each cell, so it makes no objects. */
function distanceSquared(x: number, y: number, from: Point, to: Point): number {
  const acrossLine = to.x - from.x;
  const downLine = to.y - from.y;
  const length = acrossLine * acrossLine + downLine * downLine;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - from.x) * acrossLine + (y - from.y) * downLine) / length));
  const across = x - from.x - along * acrossLine;
  const down = y - from.y - along * downLine;
  return across * across + down * down;
}
