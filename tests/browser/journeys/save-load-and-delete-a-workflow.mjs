/** A workflow is saved under a name of one's own, found again, replaced only when asked, and deleted only when sure. */
import assert from "node:assert/strict";
import { journey } from "../support/journey.mjs";

const NAME = "Äpfel und Birnen 2.0 - first try";

await journey(async ({ page, browser, studio, app }) => {
  // Saving under an impossible name and under a taken one is refused, which the console tells of.
  browser.tolerate(/status of 40[09]/);
  await app.open();
  const name = page.getByRole("textbox", { name: "Workflow name" });
  await name.fill("up/../and away");
  await app.button("Save workflow").click();
  const refusal = page.getByRole("alert").getByText(/"up\/\.\.\/and away" cannot be the name of a workflow/);
  await refusal.waitFor();

  await name.fill(NAME);
  await app.prompt.fill("green pear on a white background");
  await app.button("Save workflow").click();
  await page.getByText(`Saved “${NAME}”`).last().waitFor();
  await refusal.waitFor({ state: "hidden" });

  await name.fill("Second");
  await app.prompt.fill("two green pears");
  await page.keyboard.press("Control+s");
  await page.getByText("Saved “Second”").last().waitFor();
  const own = app.panel("Workflows").getByRole("list", { name: "My workflows" });
  await app.button("Open workflows").click();
  await own.getByRole("button", { name: /Second/ }).first().waitFor();
  assert.equal(await own.getByRole("listitem").count(), 2);

  // A factory preset takes the place of what is open.
  await app.panel("Workflows").getByRole("list", { name: "Factory presets" }).getByRole("button", { name: /Two samplers|Four variations/ }).first().click();
  await app.dialog("Workflows").waitFor({ state: "hidden" });
  assert.match(await name.inputValue(), /^(Two samplers|Four variations)$/);
  assert.equal(await app.prompt.inputValue(), "dog face");

  // A fresh page still knows the saved ones.
  await page.reload();
  await app.ready();
  await app.button("Open workflows").click();
  await own.getByRole("button", { name: `Load ${NAME}` }).click();
  await app.dialog("Workflows").waitFor({ state: "hidden" });
  assert.equal(await name.inputValue(), NAME);
  assert.equal(await app.prompt.inputValue(), "green pear on a white background");

  // A name that another workflow has: first no, then yes.
  await name.fill("Second");
  await page.keyboard.press("Control+s");
  const replace = page.getByRole("dialog", { name: "Replace “Second”?" });
  await replace.waitFor();
  await app.button("Cancel").click();
  await replace.waitFor({ state: "hidden" });
  assert.match(await promptSaved(studio, "Second"), /two green pears/);
  await page.keyboard.press("Control+s");
  await replace.waitFor();
  await app.button("Replace").click();
  await page.getByText("Saved “Second”").last().waitFor();
  assert.match(await promptSaved(studio, "Second"), /green pear on a white background/);

  // Deleting asks first.
  await app.button("Open workflows").click();
  const remove = own.getByRole("button", { name: `Delete ${NAME}` });
  await remove.click();
  const sure = page.getByRole("dialog", { name: `Delete “${NAME}”?` });
  await sure.waitFor();
  await page.keyboard.press("Escape");
  await sure.waitFor({ state: "hidden" });
  assert.equal(await own.getByRole("listitem").count(), 2);
  await remove.click();
  await sure.waitFor();
  await app.button("Delete").click();
  await remove.waitFor({ state: "detached" });
  const { workflows } = await studio.ask("GET", "/api/workflows");
  assert.deepEqual(workflows.map((workflow) => workflow.name), ["Second"]);
});

async function promptSaved(studio, name) {
  const { bricks } = await studio.ask("GET", `/api/workflows/${encodeURIComponent(name)}`);
  return bricks.find((brick) => brick.id === "prompt").params.prompt;
}
