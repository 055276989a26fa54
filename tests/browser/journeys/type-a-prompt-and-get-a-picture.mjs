/** A newcomer types a prompt, watches the picture grow, and looks at it. */
import assert from "node:assert/strict";
import { journey } from "../support/journey.mjs";
import { coloursAt, isBlue, isRed } from "../support/pixels.mjs";
import { until } from "../support/wait.mjs";

await journey(async ({ page, app }) => {
  await app.open();
  await app.hasBricks("Prompt", "Styles", "Settings", "Render", "Output");

  // Enough steps to watch.
  await app.settings({ Width: 96, Height: 96, Steps: 150, Seed: 7 });
  await app.prompt.fill("red apple on a blue background");
  await app.prompt.press("Control+Enter");
  const early = await app.reaches(1);
  assert.equal(early.steps, 150);
  const preview = app.brick("Render").getByRole("img", { name: "Preview of the picture in the making" });
  await preview.waitFor();
  assert.match(await preview.getAttribute("src"), /^data:image\/jpeg;base64,/);
  await app.brick("Render").getByText(/^\d+ \/ 150$/).waitFor();
  await app.reaches(early.step + 5);
  await app.picture().waitFor();

  await app.settings({ Width: 64, Height: 64, Steps: 25 });
  const slow = await app.picture().getAttribute("src");
  await app.prompt.press("Control+Enter");
  await until("another picture stands there", async () => (await app.picture().getAttribute("src")) !== slow);
  await showsARedAppleOnBlue(app.picture());

  const opener = app.brick("Output").getByRole("button", { name: "View Output, picture 1" });
  await opener.click();
  const lightbox = app.dialog("Picture");
  await showsARedAppleOnBlue(lightbox.getByRole("img"));
  const facts = await lightbox.getByRole("complementary", { name: "About this picture" }).innerText();
  assert.match(facts, /^Seed\s+7$/m);
  assert.match(facts, /red apple on a blue background/);
  await page.keyboard.press("Escape");
  await lightbox.waitFor({ state: "hidden" });
  assert.ok(await opener.evaluate((button) => button.getRootNode().activeElement === button), "focus is back on the picture");
});

async function showsARedAppleOnBlue(image) {
  const corners = await coloursAt(image, [[0.03, 0.03], [0.97, 0.03], [0.03, 0.97], [0.97, 0.97]]);
  for (const corner of corners) assert.ok(isBlue(corner), `a corner is not blue: ${JSON.stringify(corner)}`);
  const middle = await coloursAt(image, [[0.5, 0.55], [0.4, 0.6], [0.6, 0.6]]);
  for (const colour of middle) assert.ok(isRed(colour), `the middle is not red: ${JSON.stringify(colour)}`);
}
