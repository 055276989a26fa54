/** Texts that are drawings (SVG): told apart from other texts, so that they can be shown as pictures and saved. */
import type { Job, ValueSummary } from "../net/types.js";

/** A drawing as cards and the lightbox show it. Its text is never put into the page, only behind an image. */
export interface Drawing {
  svg: string;
  title: string;
  /** What it is called on the disk. */
  file: string;
  /** In pixels, as it says itself; a square of 1 where it does not. */
  width: number;
  height: number;
}

/** The most characters of a drawing that is shown. */
const LONGEST = 16 * 1024 * 1024;

/** Where the head of a drawing ends at the latest, in characters. */
const HEAD = 2000;

const START = /^\uFEFF?\s*(?:<\?xml[^<>]*\?>\s*)?<svg[\s>]/;
const VIEW_BOX = /\bviewBox\s*=\s*["']\s*[-+.\de]+[\s,]+[-+.\de]+[\s,]+([.\de]+)[\s,]+([.\de]+)\s*["']/;

/** Whether a text is SVG: begins with its element, or with an XML declaration before it. */
export function isDrawing(text: string): boolean {
  return START.test(text.slice(0, HEAD));
}

/** Whether a drawing is more than a page should hold as an image. */
export function isTooLarge(text: string): boolean {
  return text.length > LONGEST;
}

const cache = new WeakMap<object, Drawing>();

/** The drawings that a brick handed on in a job. */
export function drawingsOf(job: Job, id: string): Drawing[] {
  const texts = Object.values(job.bricks[id]?.outputs ?? {}).flat().filter(isShown);
  return texts.map((text, index) => {
    const known = cache.get(text);
    if (known) return known;
    const name = fileName(job.name);
    const numbered = texts.length > 1 ? `${name} ${index + 1}` : name;
    const drawing = { svg: text.value, title: job.name, file: `${numbered}.svg`, ...sizeOf(text.value) };
    cache.set(text, drawing);
    return drawing;
  });
}

function isShown(value: ValueSummary): value is Extract<ValueSummary, { kind: "text" }> {
  return value.kind === "text" && isDrawing(value.value) && !isTooLarge(value.value);
}

/** A name that every file system takes. */
function fileName(title: string): string {
  const plain = title.replace(/[\p{Cc}<>:"/\\|?*]+/gu, " ").replace(/\s+/g, " ").replace(/^[. ]+|[. ]+$/g, "");
  return Array.from(plain).slice(0, 80).join("") || "drawing";
}

function sizeOf(svg: string): { width: number; height: number } {
  const [, width, height] = VIEW_BOX.exec(svg.slice(0, HEAD)) ?? [];
  const size = { width: Number(width), height: Number(height) };
  return size.width > 0 && size.height > 0 && Number.isFinite(size.width / size.height) ? size : { width: 1, height: 1 };
}
