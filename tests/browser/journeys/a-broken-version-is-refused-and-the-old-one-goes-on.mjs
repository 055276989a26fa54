/** A new version that can't be used is told of with its reason, harms nothing, and is forgotten once a good one comes. */
import assert from "node:assert/strict";
import { PromptBrick } from "../support/brick.mjs";
import { journey } from "../support/journey.mjs";

const COMPLAINT = "error[E0425]: cannot find value `promt` in this scope\n  --> src/lib.rs:34:21";

await journey(async ({ studio, page, app }) => {
  const brick = await PromptBrick.of(studio);
  await app.open();
  await app.version("Prompt", "0.1.0").waitFor();
  await app.settings({ Steps: 2 });

  await brick.breaks();
  const refused = page.getByRole("alert", { name: "Prompt: the new version was refused" });
  await refused.getByText("The version before goes on.").waitFor();
  await app.brick("Prompt").getByText("A new version can't be loaded. 0.1.0 goes on.").waitFor();
  await app.version("Prompt", "0.1.0").waitFor();
  await app.generate.click();
  await app.picture().waitFor();

  // Put away, it does not come back by itself; the next refusal does.
  await refused.getByRole("button", { name: /^Dismiss/ }).click();
  await refused.waitFor({ state: "hidden" });
  await brick.become({ version: "0.1.1" });
  await app.version("Prompt", "0.1.1").waitFor();
  await app.brick("Prompt").getByText(/can't be loaded/).waitFor({ state: "hidden" });

  await brick.complains(COMPLAINT);
  const building = page.getByRole("alert", { name: "Prompt does not build" });
  await building.getByText(COMPLAINT).waitFor();
  await building.getByRole("button", { name: "Open the Bricks page" }).click();
  await app.panel("Installed bricks").getByRole("group", { name: "The reason" }).getByText(COMPLAINT).waitFor();
  await page.keyboard.press("Escape");
  await brick.complains(undefined);
  await building.waitFor({ state: "hidden" });
  assert.equal(await page.getByRole("alert").count(), 0);
}, { ownBricks: true });
