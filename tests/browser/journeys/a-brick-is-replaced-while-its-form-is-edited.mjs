/** A brick is swapped while somebody types into its form: no letter is lost, and the card says what changed. */
import assert from "node:assert/strict";
import { PromptBrick, WORDS } from "../support/brick.mjs";
import { journey } from "../support/journey.mjs";

const NEW_WORDS = WORDS.replace("picture", "drawing");

await journey(async ({ studio, page, app }) => {
  const brick = await PromptBrick.of(studio);
  await app.open();
  const card = app.brick("Prompt");
  const wish = app.prompt;
  await card.getByText(WORDS).waitFor();
  await app.version("Prompt", "0.1.0").waitFor();
  await app.settings({ Steps: 2, Seed: 7 });
  await app.generate.click();
  await app.picture().waitFor();

  await wish.focus();
  await page.keyboard.press("Control+End");
  await wish.evaluate((field) => (field.isTheOne = true));
  // Swapped in the middle of a word.
  const typing = wish.pressSequentially(" that wears a hat", { delay: 60 });
  await brick.become({ version: "0.1.1", words: NEW_WORDS });
  await typing;
  await app.version("Prompt", "0.1.1").waitFor();
  await card.getByText(NEW_WORDS).waitFor();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.type("!");
  const state = await wish.evaluate((field) => ({
    isTheOne: field.isTheOne,
    hasKeyboard: field.getRootNode().activeElement === field,
    caret: field.value.length - field.selectionStart,
  }));
  assert.deepEqual(state, { isTheOne: true, hasKeyboard: true, caret: 1 });
  const written = "red apple on a blue background that wears a ha!t";
  assert.equal(await wish.inputValue(), written);
  await app.keeps("has all that was typed", ({ bricks }) => bricks.some(({ params }) => params.prompt === written));

  // What is shown was made by the version before, until it is made again.
  const stale = card.getByText("Outputs stale: made by 0.1.0, now 0.1.1");
  await stale.waitFor();
  assert.equal(await page.getByText(/^Outputs stale/).count(), 1, "only the swapped brick's outputs are stale");
  await card.getByRole("button", { name: "Run again" }).click();
  await stale.waitFor({ state: "hidden" });
  await app.picture().waitFor();
  const [, again] = await studio.jobs();
  const { document } = await studio.job(again.id);
  assert.equal(document.lock.bricks[`${brick.id}@^0.1`].version, "0.1.1");
}, { ownBricks: true });
