/** Every edit can be taken back, to the very document it began with, and done again. */
import assert from "node:assert/strict";
import { journey } from "../support/journey.mjs";
import { keyboardAt } from "../support/keyboard.mjs";

const isSame = (expected) => (document) => JSON.stringify(document) === JSON.stringify(expected);

await journey(async ({ page, app }) => {
  await app.open();
  const undo = app.button("Undo");
  const redo = app.button("Redo");
  assert.ok(await undo.isDisabled(), "there is nothing to undo at the start");
  // Nothing is kept before the first edit, so the start is what undoing that edit gives.
  await app.settings({ Count: 2 });
  await app.keeps("has the count", (document) => settingsOf(document).count === 2);
  await undo.click();
  const start = await app.keeps("has no edit", (document) => settingsOf(document).count === 1);
  assert.ok(await undo.isDisabled());

  await page.getByRole("textbox", { name: "Workflow name" }).fill("Undone and redone");
  await app.prompt.pressSequentially(" at night");
  await app.settings({ Steps: 31, Guidance: 4.5, Width: 128 });
  await app.brick("Settings").getByRole("button", { name: "Swap width and height" }).click();
  await app.brick("Settings").getByRole("button", { name: "Roll a seed" }).click();
  await app.fold("Styles", false);
  await app.brick("Styles").getByRole("button", { name: "Watercolour", exact: true }).click();

  await app.button("Add brick").click();
  await app.panel("Add a brick").getByRole("button", { name: /Save to disk/ }).click();
  await app.brick("Save to disk").waitFor();
  await app.fold("Styles", true);
  const grip = app.button("Move Settings");
  await grip.focus();
  await page.keyboard.press("ArrowLeft");
  await keyboardAt(page, "Move Settings");
  await page.keyboard.press("Home");
  await app.hasBricks("Settings", "Prompt", "Styles", "Render", "Output", "Save to disk");
  await app.button("Remove Output").click();
  await app.fold("Styles", false);
  await app.hasBricks("Settings", "Prompt", "Styles", "Render", "Save to disk");
  const end = await app.keeps("has every edit", (document) => document.bricks.length === 5 && document.layout.collapsed.length === 0);
  assert.deepEqual(settingsOf(end), { ...settingsOf(start), steps: 31, guidance: 4.5, width: null, height: 128, seed: settingsOf(end).seed });
  assert.equal(typeof settingsOf(end).seed, "number");

  let undone = 0;
  for (; await undo.isEnabled(); undone += 1) await undo.click();
  assert.ok(undone >= 12, `${undone} steps were undone`);
  await app.keeps("is the one at the start", isSame(start));
  assert.equal(await app.prompt.inputValue(), "red apple on a blue background");
  assert.equal(await app.number("Settings", "Width").inputValue(), "");

  await page.reload();
  await app.ready();
  let redone = 0;
  for (; await redo.isEnabled(); redone += 1) await redo.click();
  assert.equal(redone, undone, "the way forward survives a reload");
  await app.keeps("has every edit again", isSame(end));
  await app.hasBricks("Settings", "Prompt", "Styles", "Render", "Save to disk");

  // The keys do it too, from within a text.
  await app.prompt.focus();
  await page.keyboard.press("Control+z");
  await app.brick("Styles").getByRole("button", { name: "Expand Styles" }).waitFor();
  await page.keyboard.press("Control+Shift+z");
  await app.keeps("has every edit once more", isSame(end));
});

function settingsOf(document) {
  return document.bricks.find((brick) => brick.id === "settings").params;
}
