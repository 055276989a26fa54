/** Everything from the first word to the picture, without a mouse. */
import assert from "node:assert/strict";
import { journey } from "../support/journey.mjs";
import { focusIsSeen, focusedName, tabTo } from "../support/keyboard.mjs";

await journey(async ({ page, app }) => {
  const { keyboard } = page;
  await app.open();

  await tabTo(page, "Prompt");
  assert.ok(await focusIsSeen(page), "a person sees that the prompt has the keyboard");
  await keyboard.press("Control+a");
  await keyboard.type("green apple on a white background");

  await tabTo(page, "Move Settings");
  assert.ok(await focusIsSeen(page), "a person sees that the grip has the keyboard");
  await keyboard.press("ArrowLeft");
  await app.keeps("has the settings before the styles", ({ bricks }) => bricks[1].id === "settings");
  assert.deepEqual(await app.bricks(), ["Prompt", "Settings", "Styles", "Render", "Output"]);
  await page.getByRole("status").getByText("Settings moved to position 2 of 5").waitFor({ state: "attached" });
  assert.equal(await focusedName(page), "Move Settings", "the grip keeps the keyboard");

  await tabTo(page, "Collapse Settings");
  await keyboard.press("Enter");
  assert.equal(await app.isFolded("Settings"), true);
  assert.equal(await focusedName(page), "Expand Settings", "the button keeps the keyboard");

  await keyboard.press("a");
  await app.dialog("Add a brick").waitFor();
  assert.equal(await focusedName(page), "Search bricks");
  await keyboard.type("styles");
  await keyboard.press("Enter");
  await app.brick("Styles 2").waitFor();
  assert.equal(await focusedName(page), "Styles 2", "the new brick has the keyboard");

  await keyboard.press("Control+Enter");
  await app.picture().waitFor();

  await keyboard.press("h");
  await app.dialog("History").waitFor();
  await tabTo(page, "View First picture");
  await keyboard.press("Enter");
  await app.dialog("Picture").waitFor();
  assert.match(await app.dialog("Picture").getByRole("complementary").innerText(), /green apple on a white background/);
  await tabTo(page, "Download");
  await keyboard.press("Escape");
  await app.dialog("Picture").waitFor({ state: "hidden" });
  assert.equal(await focusedName(page), "View First picture", "the keyboard is back on the job");
  await keyboard.press("Escape");
  await app.dialog("History").waitFor({ state: "hidden" });
  assert.equal(await focusedName(page), "Styles 2", "the keyboard is back on the brick");

  // And back from the end: Shift+Tab gets out of every brick again.
  await tabTo(page, "Workflow name", "Shift+Tab");
});
