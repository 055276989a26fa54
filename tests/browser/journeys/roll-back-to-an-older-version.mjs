/** The page of bricks has an address and a key of its own, shows how a brick does, and lets an older version serve. */
import assert from "node:assert/strict";
import { PromptBrick } from "../support/brick.mjs";
import { journey } from "../support/journey.mjs";
import { until } from "../support/wait.mjs";

await journey(async ({ studio, page, app }) => {
  const brick = await PromptBrick.of(studio);
  await app.open();
  await app.version("Prompt", "0.1.0").waitFor();
  await app.settings({ Steps: 2 });
  await app.generate.click();
  await app.picture().waitFor();
  await brick.become({ version: "0.1.1" });
  await app.version("Prompt", "0.1.1").waitFor();

  await page.getByRole("article", { name: "Render" }).getByRole("heading").click();
  await page.keyboard.press("b");
  const panel = app.panel("Installed bricks");
  await panel.getByRole("searchbox", { name: "Search bricks" }).fill("prompt qpyt:prompt");
  await until("the search leaves one brick", async () => (await panel.getByRole("list", { name: "Bricks", exact: true }).getByRole("listitem").count()) === 1);
  await panel.getByRole("button", { name: /^Prompt \d/ }).click();
  await until("the page has its address", () => page.url().endsWith("#bricks/qpyt:prompt"));
  const versions = panel.getByRole("list", { name: "Versions" }).getByRole("listitem");
  await versions.nth(1).waitFor();
  assert.deepEqual(await versions.getByText(/^0\.1\.\d$/).allTextContents(), ["0.1.1", "0.1.0"]);
  await panel.getByText("It asks for nothing: no network, no files, no secrets.").waitFor();
  await panel.getByText("Runs", { exact: true }).waitFor();

  await versions.nth(1).getByRole("button", { name: /^Use this one: 0\.1\.0/ }).click();
  await versions.nth(1).getByText("Chosen by you").waitFor();
  await page.keyboard.press("Escape");
  await app.dialog("Installed bricks").waitFor({ state: "hidden" });
  await until("the address is that of the workflow", () => !page.url().includes("#"));
  await app.version("Prompt", "0.1.0").waitFor();
  await app.generate.click();
  await until("the run is over", async () => (await studio.jobs()).every((job) => job.state === "succeeded"));

  // A new file is a new choice.
  await brick.become({ version: "0.1.2" });
  await app.version("Prompt", "0.1.2").waitFor();
  await page.goto(`${studio.address}/#bricks/${brick.id}`);
  await panel.getByRole("heading", { name: /Prompt 0\.1\.2/ }).waitFor();
}, { ownBricks: true });
