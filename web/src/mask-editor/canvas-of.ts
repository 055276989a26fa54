/** Pictures as the mask editor needs them: loaded, scaled to a grid of bounded size, and written as a file. */
import { Mask, type Size } from "./mask.js";

/** The longest side of a mask. Beyond it a canvas is refused on some phones; bricks scale masks to their pictures. */
const MOST_SIDE = 4096;

/** From which brightness on a pixel of a picture is part of a mask, 0 to 255. */
const LIGHT = 128;

export async function loaded(url: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

/** The size of the mask for a picture: the picture's own, unless that is too large. */
export function gridFor({ width, height }: Size): Size {
  const scale = Math.min(1, MOST_SIDE / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** The white of a picture, as a mask of a size. */
export function readMask(image: HTMLImageElement, { width, height }: Size): Mask {
  const context = contextOf({ width, height });
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return new Mask(width, height, (cell) => (data[cell * 4] ?? 0) >= LIGHT);
}

/** A PNG file: white where it is painted over, else black. */
export async function writeMask(mask: Mask): Promise<Blob> {
  const context = contextOf(mask);
  const pixels = mask.pixels(mask.whole, [255, 255, 255, 255], [0, 0, 0, 255]);
  context.putImageData(new ImageData(pixels, mask.width, mask.height), 0, 0);
  return new Promise((resolve, reject) => {
    context.canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser wrote no PNG"))), "image/png");
  });
}

function contextOf({ width, height }: Size): CanvasRenderingContext2D {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("the browser gives no canvas");
  return context;
}
