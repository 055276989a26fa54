/** Where the picture lies in the frame that it is seen through. */
import type { Point, Size } from "./mask.js";

/** Pixels of the screen per pixel of the picture, and where in the frame the picture's upper left corner is. */
export interface Viewport extends Point {
  zoom: number;
}

/** Room around a picture that fills the frame, in pixels of the screen. */
const MARGIN = 12;
/** How much of the picture stays in the frame however far it is moved, in pixels of the screen. */
const HELD = 48;
const MOST_ZOOM = 32;
/** Small pictures are enlarged to fill the frame up to this. */
const MOST_FITTED = 8;

/** The whole picture, in the middle. */
export function fitted(picture: Size, frame: Size): Viewport {
  const fit = Math.min((frame.width - 2 * MARGIN) / picture.width, (frame.height - 2 * MARGIN) / picture.height);
  const zoom = Math.max(leastZoom(picture), Math.min(MOST_FITTED, fit));
  return { zoom, x: (frame.width - picture.width * zoom) / 2, y: (frame.height - picture.height * zoom) / 2 };
}

/** Enlarged by a factor while what lies at a point of the frame stays there. */
export function zoomed(view: Viewport, factor: number, at: Point, picture: Size, frame: Size): Viewport {
  const zoom = Math.min(MOST_ZOOM, Math.max(leastZoom(picture), view.zoom * factor));
  const scale = zoom / view.zoom;
  return held({ zoom, x: at.x - (at.x - view.x) * scale, y: at.y - (at.y - view.y) * scale }, picture, frame);
}

export function moved(view: Viewport, by: Point, picture: Size, frame: Size): Viewport {
  return held({ ...view, x: view.x + by.x, y: view.y + by.y }, picture, frame);
}

/** What of the picture is at a point of the frame. */
export function toPicture(view: Viewport, at: Point): Point {
  return { x: (at.x - view.x) / view.zoom, y: (at.y - view.y) / view.zoom };
}

export function toFrame(view: Viewport, at: Point): Point {
  return { x: at.x * view.zoom + view.x, y: at.y * view.zoom + view.y };
}

/** So that the longer side still spans what is held of it. */
function leastZoom({ width, height }: Size): number {
  return Math.min(1, HELD / Math.max(width, height));
}

function held(view: Viewport, picture: Size, frame: Size): Viewport {
  const within = (start: number, length: number, room: number): number => {
    const least = Math.min(HELD, length) - length;
    return Math.min(Math.max(start, least), room - Math.min(HELD, length));
  };
  return { ...view, x: within(view.x, picture.width * view.zoom, frame.width), y: within(view.y, picture.height * view.zoom, frame.height) };
}
