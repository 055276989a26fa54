/** A workflow from elsewhere with a brick that is not installed: named, kept as it is, and removable. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { journey } from "../support/journey.mjs";

const preset = JSON.parse(await readFile("workflows/first-picture.json", "utf8"));
const GLOW = { id: "glow", brick: "acme:glow", requires: "^2.1", params: { amount: 0.7, curve: [1, 2, { hold: true }] }, "acme-note": "kept" };
const shared = {
  ...preset,
  name: "From a friend",
  "acme-tool": { version: 3 },
  bricks: [...preset.bricks.slice(0, -1), GLOW, preset.bricks.at(-1)],
  links: [
    ...preset.links.filter((link) => link.to !== "output.image"),
    { from: "render.image", to: "glow.light" },
    { from: "glow.lit", to: "output.image" },
  ],
  layout: { strip: ["prompt", "styles", "settings", "render", "glow", "output"] },
};

await journey(async ({ browser, studio, page, app }) => {
  // The run that can't be is refused, which the console tells of.
  browser.tolerate(/status of 400/);
  await app.open();
  await app.importFile("from-a-friend.json", JSON.stringify(shared));
  const placeholder = app.brick("acme:glow");
  await placeholder.getByText("The brick acme:glow ^2.1 is not installed.").waitFor();
  await placeholder.getByText('"amount": 0.7').waitFor();
  await app.hasBricks("Prompt", "Styles", "Settings", "Render", "acme:glow", "Output");

  // Editing around it leaves it alone; so do export, save and load.
  await app.prompt.fill("red apple on a yellow background");
  await app.button("Open workflows").click();
  const downloading = page.waitForEvent("download");
  await app.button("Export file").click();
  const exported = JSON.parse(await readFile(await (await downloading).path(), "utf8"));
  isKept(exported);
  await page.keyboard.press("Escape");
  await app.button("Save workflow").click();
  await page.getByText("Saved “From a friend”").last().waitFor();
  isKept(await studio.ask("GET", "/api/workflows/From%20a%20friend"));

  await app.generate.click();
  const refusal = page.getByRole("alert", { name: "This workflow can't run yet" });
  await refusal.getByText(/acme:glow/).last().waitFor();
  assert.deepEqual(await studio.jobs(), []);

  await app.button("Remove acme:glow").click();
  await placeholder.waitFor({ state: "detached" });
  await refusal.waitFor({ state: "hidden" });
  await app.generate.click();
  await app.picture().waitFor();
  const [job] = await studio.jobs();
  assert.equal(job.state, "succeeded");
});

function isKept(document) {
  assert.deepEqual(document.bricks.find((brick) => brick.id === "glow"), GLOW);
  assert.deepEqual(document["acme-tool"], { version: 3 });
  for (const link of shared.links) assert.ok(document.links.some(({ from, to }) => from === link.from && to === link.to), `${link.from} to ${link.to}`);
}
