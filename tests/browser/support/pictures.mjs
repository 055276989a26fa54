/** Pictures that a journey brings along. */

/** A square of one green, as the bytes of a PNG file. */
export async function plainGreen(page, side) {
  const url = await page.evaluate((length) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: length, height: length });
    const context = canvas.getContext("2d");
    context.fillStyle = "rgb(0, 200, 0)";
    context.fillRect(0, 0, length, length);
    return canvas.toDataURL("image/png");
  }, side);
  return Buffer.from(url.slice(url.indexOf(",") + 1), "base64");
}
