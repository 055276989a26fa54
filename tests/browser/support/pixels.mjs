/** Colours of a picture that stands on the page. */

/** Red, green and blue, each 0 to 255, at places given as fractions of the picture's width and height. */
export async function coloursAt(image, places) {
  return image.evaluate(async (element, where) => {
    await element.decode();
    const { naturalWidth: width, naturalHeight: height } = element;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    context.drawImage(element, 0, 0);
    return where.map(([x, y]) => {
      const [red, green, blue] = context.getImageData(Math.round(x * (width - 1)), Math.round(y * (height - 1)), 1, 1).data;
      return { red, green, blue };
    });
  }, places);
}

export function isBlue({ red, green, blue }) {
  return blue > 100 && blue > red + 40 && blue > green;
}

export function isRed({ red, green, blue }) {
  return red > 100 && red > green + 60 && red > blue + 60;
}
