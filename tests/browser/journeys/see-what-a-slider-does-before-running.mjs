/** The photo editor shows what a slider does while it is dragged: no run is needed for that, and none is made. */
import assert from "node:assert/strict";
import { journey } from "../support/journey.mjs";
import { coloursAt } from "../support/pixels.mjs";
import { until } from "../support/wait.mjs";

const CORNERS = [[0.05, 0.05], [0.95, 0.05], [0.05, 0.95]];

await journey(async ({ browser, studio, page, app }) => {
  browser.tolerate(/status of 409/);
  await app.open();
  await app.settings({ Steps: 4, Seed: 7 });
  await app.button("Add brick").click();
  await app.panel("Add a brick").getByRole("button", { name: /^Add Photo editor\b/ }).click();
  await app.keeps("feeds it pictures", ({ links }) => links.some(({ to }) => to === "filter.image"));
  const editor = app.brick("Photo editor");
  const preview = editor.getByRole("img", { name: "Preview of Photo editor" });
  const made = editor.getByRole("img", { name: /, picture 1$/ });
  const slider = editor.getByRole("slider", { name: /^Brightness\b/ });

  // Nothing was made yet that could be changed.
  await slider.fill("0.5");
  await slider.fill("1");
  await app.generate.click();
  await made.waitFor();
  assert.equal(await preview.count(), 0);
  const light = async (image) => (await coloursAt(image, CORNERS)).reduce((sum, { red, green, blue }) => sum + red + green + blue, 0);
  const before = await light(made);

  await slider.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await slider.boundingBox();
  const at = (share) => [x + 8 + (width - 16) * share, y + height / 2];
  await page.mouse.move(...at(1 / 3));
  await page.mouse.down();
  await page.mouse.move(...at(0.2), { steps: 6 });
  await preview.waitFor();
  await until("the picture is darker while the slider is held", async () => (await light(preview)) < before * 0.75);
  await page.mouse.move(...at(0.02), { steps: 6 });
  await until("the picture is nearly black", async () => (await light(preview)) < before * 0.2);
  await page.mouse.up();
  await editor.getByText("Preview", { exact: true }).waitFor();
  assert.equal((await studio.jobs()).length, 1, "nothing was run for it");

  // What was run last shows again when all is as it was then.
  await app.number("Photo editor", "Brightness").fill("1");
  await preview.waitFor({ state: "detached" });
  await made.waitFor();

  // A preview gives way to the run.
  await app.number("Photo editor", "Brightness").fill("0.3");
  await preview.waitFor();
  await app.generate.click();
  await preview.waitFor({ state: "detached" });
  await until("the picture made is dark too", async () => (await light(made)) < before * 0.5);

  // Where what comes before has changed, there is none.
  await app.settings({ Steps: 5 });
  const [refused] = await Promise.all([
    page.waitForResponse((response) => response.url().endsWith("/api/preview")),
    app.number("Photo editor", "Brightness").fill("0.9"),
  ]);
  assert.equal((await refused.json()).error.code, "preview-stale");
  assert.equal(await preview.count(), 0);
});
