/**
 * A version that crashes on what the last good run was given is not let in by itself. The person can use it anyway;
 * when it goes on crashing, the version before takes over again.
 */
import assert from "node:assert/strict";
import { Fixture } from "../support/fixture.mjs";
import { journey } from "../support/journey.mjs";
import { until } from "../support/wait.mjs";

const ID = "versions:one";
const DOCUMENT = { version: 1, name: "Trial", bricks: [{ id: "one", brick: ID }], links: [] };
const CRASHING = { "VERSION:0.1.0": "VERSION:0.2.0", "MODE:echo.": "MODE:trap." };

await journey(async ({ studio, page, app }) => {
  const fixture = await Fixture.in(studio, "versions");
  await app.open();
  await app.importFile("trial.json", JSON.stringify(DOCUMENT));
  await app.version(ID, "0.1.0").waitFor();
  await app.generate.click();
  await ended(studio, 1);

  await fixture.become(CRASHING);
  const refused = page.getByRole("alert", { name: `${ID}: the new version was refused` });
  await refused.getByText(/It failed in a trial/).waitFor();
  await refused.getByRole("group", { name: "The reason" }).getByText(/panicked|this version gives up/).waitFor();
  const card = app.brick(ID);
  await card.getByText("A new version failed its trial run. 0.1.0 goes on.").waitFor();
  await app.version(ID, "0.1.0").waitFor();

  await card.getByRole("button", { name: "Use anyway" }).click();
  await refused.waitFor({ state: "hidden" });
  await app.version(ID, "0.2.0").waitFor();
  for (const count of [2, 3, 4]) {
    await app.generate.click();
    await ended(studio, count);
  }
  const back = page.getByRole("alert", { name: `${ID} went back to 0.1.0` });
  await back.getByText(/3 times in a row/).waitFor();
  await app.version(ID, "0.1.0").waitFor();
  await app.generate.click();
  const jobs = await ended(studio, 5);
  assert.deepEqual(jobs.map((job) => job.state), ["succeeded", "failed", "failed", "failed", "succeeded"]);

  await app.openBrick(ID);
  const panel = app.panel("Installed bricks");
  const crashed = panel.getByRole("list", { name: "Versions" }).getByRole("listitem").filter({ hasText: "0.2.0" });
  await crashed.getByText("Crashed").waitFor();
  await crashed.getByRole("button", { name: /^Try again/ }).click();
  await crashed.getByRole("button", { name: /^Use this one/ }).waitFor();
});

/** Waits until so many jobs have ended, and gives them. */
function ended(studio, count) {
  return until(`${count} jobs have ended`, async () => {
    const jobs = await studio.jobs();
    return jobs.length === count && jobs.every((job) => job.state === "succeeded" || job.state === "failed") ? jobs : undefined;
  });
}
