/** Another workflow has a brick of another family in the same place: its field shows that family's models. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { journey } from "../support/journey.mjs";

const preset = JSON.parse(await readFile("workflows/first-picture.json", "utf8"));

await journey(async ({ app }) => {
  await app.open();
  const model = app.brick("Render").getByLabel("Model", { exact: true });
  await app.brick("Render").getByRole("option", { name: /^Emoji/ }).waitFor({ state: "attached" });
  assert.match(await model.evaluate((list) => list.selectedOptions[0].textContent), /Emoji/);

  const other = structuredClone(preset);
  Object.assign(other.bricks.find(({ id }) => id === "render"), { brick: "qpyt:render-flux", params: {} });
  await app.importFile("flux.json", JSON.stringify(other));
  await app.brick("Render FLUX").getByRole("button", { name: "Look for flux.1-schnell" }).waitFor();
});
