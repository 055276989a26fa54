/** A brick's file is deleted while its form is edited: its settings and wires stay, and all is as before once it is back. */
import assert from "node:assert/strict";
import { PromptBrick } from "../support/brick.mjs";
import { journey } from "../support/journey.mjs";

const WISH = "two green pears";

await journey(async ({ browser, studio, page, app }) => {
  // The run that can't be is refused, which the console tells of.
  browser.tolerate(/status of 400/);
  const brick = await PromptBrick.of(studio);
  await app.open();
  await app.settings({ Steps: 2 });
  const wish = app.prompt;
  await wish.fill(WISH);
  const before = await app.keeps("has the wish", ({ bricks }) => bricks.some(({ params }) => params.prompt === WISH));

  await brick.vanish();
  const placeholder = app.brick(brick.id);
  await placeholder.getByText("The brick qpyt:prompt ^0.1 is not installed.").waitFor();
  await placeholder.getByText(`"prompt": "${WISH}"`).waitFor();
  assert.ok(await placeholder.evaluate((card) => card.getRootNode().activeElement === card), "the keyboard waits on the card");
  await app.generate.click();
  await page.getByRole("alert", { name: "This workflow can't run yet" }).waitFor();
  assert.deepEqual(await studio.jobs(), []);

  await brick.comeBack();
  await wish.waitFor();
  assert.equal(await wish.inputValue(), WISH);
  const after = await app.document();
  assert.deepEqual(after, before, "the document is as it was");
  await page.getByRole("alert").waitFor({ state: "hidden" });
  await app.generate.click();
  await app.picture().waitFor();
  const [job] = await studio.jobs();
  assert.equal(job.state, "succeeded");
}, { ownBricks: true });
