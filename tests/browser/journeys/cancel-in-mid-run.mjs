/** Stop ends the run within a step, and a job that waits can be taken out of the queue. */
import assert from "node:assert/strict";
import { Events } from "../support/events.mjs";
import { journey } from "../support/journey.mjs";
import { until } from "../support/wait.mjs";

await journey(async ({ page, studio, app }) => {
  const events = await Events.of(studio);
  await app.open();
  await app.settings({ Width: 192, Height: 192, Steps: 150, Seed: 3 });
  await app.generate.click();
  await app.settings({ Seed: 4 });
  await app.generate.click();
  await app.settings({ Width: 64, Height: 64, Seed: 5, Steps: 2 });
  await app.generate.click();
  await app.reaches(5);
  const [first, second, third] = await until("three jobs are there", async () => {
    const jobs = await studio.jobs();
    return jobs.length === 3 ? jobs.map((job) => job.id) : undefined;
  });

  await app.button("Queue, 3 unfinished").click();
  const queue = app.panel("Queue");
  const waiting = queue.getByRole("listitem").nth(1);
  await waiting.getByText("Waiting").waitFor();
  await waiting.getByRole("button", { name: /^Cancel/ }).click();
  await until("two jobs are left in the queue", async () => (await queue.getByRole("listitem").count()) === 2);
  await page.keyboard.press("Escape");
  assert.equal((await studio.job(second)).state, "cancelled");

  await app.stop.click();
  await app.picture().waitFor();
  await app.stop.waitFor({ state: "hidden" });
  const [stopped, dropped, done] = await Promise.all([first, second, third].map((id) => studio.job(id)));
  assert.deepEqual([stopped.state, dropped.state, done.state], ["cancelled", "cancelled", "succeeded"]);
  assert.deepEqual([stopped.results, dropped.results], [[], []]);
  assert.equal(dropped.started_at ?? null, null, "the job that waited never started");

  // The third job has run since, so nothing of the first is still to come.
  await until("the third job's end was told", () => events.place(third, "succeeded") >= 0);
  const before = events.seen.slice(0, events.place(first, "cancelled"));
  const stepOf = ({ event, data }) => (event === "progress" && data.job === first ? (data.step ?? 0) : 0);
  const whenCancelled = Math.max(...before.map(stepOf));
  const last = Math.max(...events.steps(first));
  assert.ok(whenCancelled > 0 && whenCancelled < 150, `cancelled at step ${whenCancelled}`);
  assert.ok(last <= whenCancelled + 1, `it was cancelled at step ${whenCancelled} and went on to ${last}`);
  await events.end();

  await app.button("History").click();
  const history = app.panel("History").getByRole("list", { name: "History" });
  await history.getByText("Done", { exact: true }).waitFor();
  assert.equal(await history.getByRole("listitem").count(), 3);
  assert.equal(await history.getByText("Stopped", { exact: true }).count(), 2);
});
