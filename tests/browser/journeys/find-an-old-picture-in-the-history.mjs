/** What was made before is found again, with the settings that made it, until it is deleted. */
import assert from "node:assert/strict";
import { journey } from "../support/journey.mjs";
import { until } from "../support/wait.mjs";

await journey(async ({ studio, page, app }) => {
  await app.open();
  await app.settings({ Steps: 2, Seed: 100, Count: 3 });
  await app.prompt.fill("blue fish on a white background");
  await app.generate.click();
  await app.picture("Output", 3).waitFor();
  await app.settings({ Seed: 200, Count: 1 });
  await app.prompt.fill("red car");
  await app.generate.click();
  await app.picture("Output", 2).waitFor({ state: "detached" });
  await app.picture("Output", 1).waitFor();
  await page.reload();
  await app.ready();

  await app.button("History").click();
  const entries = app.panel("History").getByRole("list", { name: "History" }).getByRole("listitem");
  const fish = entries.filter({ hasText: "blue fish on a white background" });
  await fish.getByText(/Seed 100/).waitFor();
  assert.equal(await entries.count(), 2);
  await entries.first().getByText("red car").waitFor();

  // Its three pictures, turned by the arrow keys.
  await fish.getByRole("button", { name: /^View/ }).click();
  const lightbox = app.dialog("Picture");
  await lightbox.getByText("1 of 3").waitFor();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await lightbox.getByText("3 of 3").waitFor();
  await until("the third seed is told", async () => /^Seed\s+102$/m.test(await lightbox.getByRole("complementary").innerText()));
  await page.keyboard.press("Escape");
  await lightbox.waitFor({ state: "hidden" });

  await fish.getByRole("button", { name: "Use these settings" }).click();
  await app.dialog("History").waitFor({ state: "hidden" });
  assert.equal(await app.prompt.inputValue(), "blue fish on a white background");
  assert.equal(await app.number("Settings", "Seed").inputValue(), "100");
  assert.equal(await app.number("Settings", "Count").inputValue(), "3");
  await app.picture("Output", 3).waitFor();
  await app.button("Undo").click();
  assert.equal(await app.prompt.inputValue(), "red car");

  await app.button("History").click();
  await fish.getByRole("button", { name: /from the history$/ }).click();
  const question = app.dialog("Delete from the history?");
  await question.waitFor();
  await app.button("Cancel").click();
  await question.waitFor({ state: "hidden" });
  assert.equal((await studio.jobs()).length, 2);
  await fish.getByRole("button", { name: /from the history$/ }).click();
  await question.waitFor();
  await app.button("Delete").click();
  await fish.waitFor({ state: "detached" });
  const jobs = await studio.jobs();
  assert.equal(jobs.length, 1);
  assert.equal(jobs[0].results.length, 1);
});
