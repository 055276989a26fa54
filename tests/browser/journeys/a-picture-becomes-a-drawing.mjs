/** A picture is traced: its drawing shows behind an image beside the picture, opens large, and is saved as a file. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { journey } from "../support/journey.mjs";

await journey(async ({ page, app }) => {
  await app.open();
  await app.settings({ Width: 64, Height: 64, Steps: 2, Seed: 7 });
  await app.button("Add brick").click();
  await app.panel("Add a brick").getByRole("button", { name: /^Add Vectorize\b/ }).click();
  const brick = app.brick("Vectorize");
  await brick.waitFor();
  await app.keeps("feeds it pictures", ({ links }) => links.some(({ to }) => to === "vectorize.image"));
  await app.generate.click();

  const drawing = brick.getByRole("img", { name: /, drawing 1$/ });
  await drawing.waitFor();
  assert.match(await drawing.getAttribute("src"), /^blob:/, "its text stays behind an image");
  assert.deepEqual(await drawing.evaluate(async (image) => {
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
  }), [64, 64]);
  assert.equal(await brick.getByText("<svg").count(), 0, "nor is it told in words");

  await brick.getByRole("button", { name: "Picture", exact: true }).click();
  await brick.getByRole("img", { name: /, picture 1$/ }).waitFor();
  assert.equal(await drawing.count(), 0);
  await brick.getByRole("button", { name: "Drawing", exact: true }).click();

  await brick.getByRole("button", { name: /^View .*, drawing 1$/ }).click();
  const large = app.dialog("Picture");
  await large.getByRole("img", { name: /, drawing 1$/ }).waitFor();
  await large.getByRole("button", { name: "Picture", exact: true }).click();
  await large.getByRole("img", { name: /, picture 1$/ }).waitFor();
  await page.keyboard.press("Escape");

  const [saved] = await Promise.all([page.waitForEvent("download"), brick.getByRole("link", { name: "Save SVG" }).click()]);
  assert.equal(saved.suggestedFilename(), "First picture.svg");
  const text = await readFile(await saved.path(), "utf8");
  assert.match(text, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="64" height="64" viewBox="0 0 64 64">/);
  assert.match(text, /<path fill="#[0-9a-f]{6}" d="M/);
});
