/** A number that is not allowed is told of at its field, keeps the run from starting, and is forgotten when mended. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { journey } from "../support/journey.mjs";

const LIMIT = /`width` must be at most 2048, not 1000000/;

await journey(async ({ browser, studio, page, app }) => {
  // The run that can't be is refused, which the console tells of.
  browser.tolerate(/status of 400/);
  await app.open();
  const width = app.number("Settings", "Width");
  const message = app.brick("Settings").getByText(LIMIT);

  // In a file from elsewhere, which no form has kept within its limits.
  const preset = JSON.parse(await readFile("workflows/first-picture.json", "utf8"));
  preset.bricks.find((brick) => brick.id === "settings").params.width = 1000000;
  await app.importFile("too-wide.json", JSON.stringify(preset));
  await message.waitFor();
  await isRefused(app, page, studio);
  await width.fill("64");
  await message.waitFor({ state: "hidden" });

  // Typed by hand.
  await width.fill("1000000");
  await message.waitFor();
  assert.equal(await width.getAttribute("aria-invalid"), "true");
  await width.press("Tab");
  assert.equal(await width.inputValue(), "1000000", "what was typed is not changed behind one's back");
  await isRefused(app, page, studio);

  // The card at the top leads to the field.
  await page.getByRole("alert").getByRole("button", { name: /^Settings/ }).click();
  assert.ok(await width.evaluate((input) => input.getRootNode().activeElement === input), "the field has the keyboard");
  await width.fill("64");
  await message.waitFor({ state: "hidden" });
  assert.equal(await width.getAttribute("aria-invalid"), "false");
  assert.equal(await page.getByRole("alert").count(), 0);

  await app.generate.click();
  await app.picture().waitFor();
});

async function isRefused(app, page, studio) {
  await app.generate.click();
  await page.getByRole("alert", { name: "This workflow can't run yet" }).getByText(LIMIT).waitFor();
  assert.deepEqual(await studio.jobs(), []);
}
