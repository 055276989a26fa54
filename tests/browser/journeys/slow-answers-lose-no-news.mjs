/** Answers that come later than the news they are older than: the page shows the run all the same. */
import assert from "node:assert/strict";
import { Events } from "../support/events.mjs";
import { journey } from "../support/journey.mjs";
import { until } from "../support/wait.mjs";

await journey(async ({ studio, page, app }) => {
  const events = await Events.of(studio);
  await app.open();

  await app.settings({ Steps: 150, Count: 3, Seed: 5 });
  const document = await app.keeps("has the count", ({ bricks }) => bricks.some(({ params }) => params.count === 3));
  // Somebody else's job is in the way, so that the page's own waits.
  const other = await studio.ask("POST", "/api/jobs", { document });
  await until("the other job runs", () => events.steps(other.id).length > 0);

  // The answer to Generate, and what the page asks about the job then, are held back until the job has run for a while.
  let held = 0;
  await page.route(/\/api\/jobs(\/|$)/, async (route) => {
    const answer = await route.fetch();
    const { id } = await answer.json();
    if (id !== other.id) {
      held += 1;
      await until("the run is well under way", () => events.steps(id).length >= 10);
    }
    await route.fulfill({ response: answer });
  });
  await app.generate.click();
  await until("the page waits for an answer", () => held >= 1);
  await studio.ask("POST", `/api/jobs/${other.id}/cancel`);

  const brick = app.brick("Render");
  await app.reaches(10);
  await brick.getByText("Running").waitFor();
  await brick.getByRole("img", { name: /^Preview/ }).waitFor();
  await app.brick("Prompt").getByText(/Done|Unchanged/).waitFor();
  await page.unroute(/\/api\/jobs(\/|$)/);
  await app.stop.click();
  await app.stop.waitFor({ state: "hidden" });
  const [, job] = await studio.jobs();
  assert.equal(job.state, "cancelled");
  await events.end();
});
