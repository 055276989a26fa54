/** A reload in the middle of a run loses neither the words typed nor the run. */
import assert from "node:assert/strict";
import { journey } from "../support/journey.mjs";
import { until } from "../support/wait.mjs";

await journey(async ({ page, studio, app }) => {
  await app.open();
  await app.settings({ Steps: 150, Count: 4, Seed: 11 });
  await app.prompt.fill("yellow star on a black background");
  await app.generate.click();
  await app.reaches(5);
  // Typed after the run began, and at once before the page goes.
  await app.prompt.fill("words that are still being thought about");
  await page.reload();

  await app.ready();
  assert.equal(await app.prompt.inputValue(), "words that are still being thought about");
  const seen = await app.reaches(1);
  await app.reaches(seen.step + 3);
  assert.ok(await app.stop.isEnabled(), "the run can be stopped by the page that came back");
  await page.reload();

  await app.ready();
  await app.picture("Output", 4).waitFor();
  await app.stop.waitFor({ state: "hidden" });
  const jobs = await studio.jobs();
  assert.deepEqual(jobs.map((job) => job.state), ["succeeded"]);
  assert.equal(jobs[0].results.length, 4);
  await until("the pictures are drawn", async () => {
    const widths = await Promise.all([1, 2, 3, 4].map((number) => app.picture("Output", number).evaluate((image) => image.naturalWidth)));
    return widths.every((width) => width === 64);
  });
});
