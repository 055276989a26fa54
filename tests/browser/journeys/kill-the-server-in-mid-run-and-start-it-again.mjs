/** A studio that dies in mid-run and comes back runs what it was running again, then what waited; the page follows. */
import assert from "node:assert/strict";
import { journey } from "../support/journey.mjs";
import { until } from "../support/wait.mjs";

await journey(async ({ browser, studio, page, app }) => {
  await app.open();
  await app.settings({ Width: 96, Height: 96, Steps: 150, Seed: 21 });
  await app.generate.click();
  await app.reaches(1);
  await app.settings({ Steps: 3, Seed: 22, Count: 2 });
  await app.generate.click();
  await app.button("Queue, 2 unfinished").waitFor();
  await app.reaches(10);

  // While it is away the browser's console tells of requests without an answer.
  browser.tolerate(/net::ERR_/);
  await studio.kill();
  await page.getByText("Reconnecting…").waitFor();
  await app.generate.click();
  const unreachable = page.getByRole("alert", { name: "The studio is not answering" });
  await unreachable.waitFor();
  await app.prompt.fill("typed while the studio was away");

  await studio.startAgain();
  await page.getByText("Reconnecting…").waitFor({ state: "hidden" });
  await unreachable.waitFor({ state: "hidden" });
  const again = await app.reaches(1);
  assert.equal(again.steps, 150, "the interrupted job is the first to run");
  await app.reaches(again.step + 3);
  const [first, second] = await studio.jobs();
  assert.deepEqual([first.state, first.attempt], ["running", 2]);
  assert.equal(second.state, "queued");

  await app.picture("Output", 2).waitFor();
  await app.stop.waitFor({ state: "hidden" });
  const jobs = await until("both jobs are done", async () => {
    const all = await studio.jobs();
    return all.every((job) => job.state === "succeeded") ? all : undefined;
  });
  assert.deepEqual(jobs.map((job) => [job.id, job.attempt]), [[first.id, 2], [second.id, 1]]);
  assert.deepEqual(jobs.map((job) => job.results.length), [1, 2], "no picture is lost and none is there twice");
  assert.ok(Date.parse(jobs[0].finished_at) <= Date.parse(jobs[1].started_at), "what waited ran after it");
  assert.equal(await app.prompt.inputValue(), "typed while the studio was away");
});
