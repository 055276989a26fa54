/** Everything from the first word to the picture, without a mouse. */
import assert from "node:assert/strict";
import { journey } from "../support/journey.mjs";
import { focusIsSeen, keyboardAt, tabTo } from "../support/keyboard.mjs";

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
  await app.hasBricks("Prompt", "Settings", "Styles", "Render", "Output");
  await page.getByRole("status").getByText("Settings moved to position 2 of 5").waitFor({ state: "attached" });
  await keyboardAt(page, "Move Settings");

  await tabTo(page, "Collapse Settings");
  await keyboard.press("Enter");
  assert.equal(await app.isFolded("Settings"), true);
  await keyboardAt(page, "Expand Settings");

  await keyboard.press("a");
  await app.dialog("Add a brick").waitFor();
  await keyboardAt(page, "Search bricks");
  await keyboard.type("styles");
  await keyboard.press("Enter");
  await app.brick("Styles 2").waitFor();
  await keyboardAt(page, "Styles 2");

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
  await keyboardAt(page, "View First picture");
  await keyboard.press("Escape");
  await app.dialog("History").waitFor({ state: "hidden" });
  await keyboardAt(page, "Styles 2");

  // And back from the end: Shift+Tab gets out of every brick again.
  await tabTo(page, "Workflow name", "Shift+Tab");
});
