/** The brush: whether it paints or erases, and how wide it is. */
import type { Size } from "./mask.js";

export type Tool = "paint" | "erase";

/** Diameters in pixels of the picture. A smaller brush could pass between the middles of pixels. */
export const LEAST_DIAMETER = 2;
export const MOST_DIAMETER = 512;

/** One step of size, as a factor. */
const STEP = 1.2;

export interface Brush {
  tool: Tool;
  diameter: number;
}

/** A brush that suits the size of a picture. */
export function brushFor({ width, height }: Size): Brush {
  return { tool: "paint", diameter: bounded(Math.max(width, height) / 12) };
}

/** Wider by so many steps, narrower where that is below 0, always by a pixel at least. */
export function resized(brush: Brush, steps: number): Brush {
  const wanted = brush.diameter * STEP ** steps;
  const least = brush.diameter + Math.sign(steps);
  return { ...brush, diameter: bounded(steps > 0 ? Math.max(wanted, least) : Math.min(wanted, least)) };
}

export function bounded(diameter: number): number {
  return Math.round(Math.min(MOST_DIAMETER, Math.max(LEAST_DIAMETER, diameter)));
}
