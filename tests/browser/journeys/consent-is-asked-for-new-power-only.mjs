/** A brick that wants power gets it by the person's yes alone; its update is asked only for what it wants beyond that. */
import assert from "node:assert/strict";
import { PromptBrick } from "../support/brick.mjs";
import { journey } from "../support/journey.mjs";
import { until } from "../support/wait.mjs";

const FIRST = "api.example.org:443";
const SECOND = "cdn.example.org:443";

await journey(async ({ studio, page, app }) => {
  const brick = await PromptBrick.of(studio);
  await brick.become({ version: "0.1.1", hosts: [FIRST] });
  await app.open();
  await app.version("Prompt", "0.1.1").waitFor();
  const asking = page.getByRole("region", { name: "Prompt asks for your permission" });
  await app.brick("Prompt").getByText("Asks for a permission").waitFor();
  assert.equal(await asking.count(), 0, "loading the page is no occasion to ask");
  await app.button("Remove Prompt").click();
  await app.button("Add brick").click();
  await app.panel("Add a brick").getByRole("button", { name: /^.*Add Prompt (?!enhancer)/ }).click();
  await asking.getByText(`connect to ${FIRST}`).waitFor();
  await asking.getByText(/0\.1\.1 · qpyt, not signed/).waitFor();

  // Not now leaves a way back, and allows nothing.
  await asking.getByRole("button", { name: "Not now" }).click();
  await asking.waitFor({ state: "hidden" });
  assert.deepEqual(await scopes(studio), []);
  const card = app.brick("Prompt");
  await card.getByText("Asks for a permission").waitFor();
  await card.getByRole("button", { name: "Review" }).click();
  await asking.getByRole("button", { name: "Allow" }).click();
  await asking.waitFor({ state: "hidden" });
  await until("it is allowed", async () => (await scopes(studio)).join() === FIRST);

  await brick.become({ version: "0.1.2", hosts: [FIRST, SECOND] });
  await app.version("Prompt", "0.1.2").waitFor();
  await card.getByText("Asks for a permission").waitFor();
  assert.equal(await asking.count(), 0, "an update does not interrupt");
  await card.getByRole("button", { name: "Review" }).click();
  await asking.getByText(`connect to ${SECOND}`).waitFor();
  assert.equal(await asking.getByRole("listitem").count(), 1, "what is allowed is not asked again");
  await asking.getByRole("button", { name: "Allow" }).click();
  await asking.waitFor({ state: "hidden" });

  // On the page of bricks it can be put on trial and taken back.
  await app.openBrick("Prompt");
  const panel = app.panel("Installed bricks");
  await panel.getByRole("button", { name: `Put on trial: ${SECOND}` }).click();
  await panel.getByText("On trial", { exact: true }).waitFor();
  await panel.getByRole("button", { name: `Take back ${SECOND}` }).click();
  await panel.getByRole("button", { name: `Allow ${SECOND}` }).waitFor();
  await panel.getByText(`Connect to ${FIRST}`, { exact: false }).first().waitFor();
}, { ownBricks: true });

/** What the brick as it is now may do. */
async function scopes(studio) {
  const { bricks } = await studio.ask("GET", "/api/bricks");
  const { asks } = bricks.find((brick) => brick.id === "qpyt:prompt");
  return asks.filter((ask) => ask.granted).map((ask) => ask.scope);
}
