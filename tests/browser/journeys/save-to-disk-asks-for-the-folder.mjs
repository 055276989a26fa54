/** Pictures go to a folder only after the person allowed it, and no file is ever written over. */
import assert from "node:assert/strict";
import { mkdir, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { journey } from "../support/journey.mjs";
import { until } from "../support/wait.mjs";

await journey(async ({ browser, studio, page, app }) => {
  const folder = studio.folder("my pictures");
  await mkdir(folder);
  // A run that is refused at once is told of by the console.
  browser.tolerate(/status of 40[03]/);
  await app.open();
  await app.settings({ Steps: 2, Seed: 7 });
  await app.button("Add brick").click();
  await app.panel("Add a brick").getByRole("button", { name: /Save to disk/ }).click();
  const brick = app.brick("Save to disk");
  await brick.getByRole("textbox", { name: "Folder" }).fill(folder);
  await brick.getByRole("textbox", { name: "File name" }).fill("apple {seed}");

  await app.generate.click();
  const refusal = page.getByRole("alert").getByText(new RegExp(`${folder}.*allow|allow.*${folder}`, "is")).first();
  await refusal.waitFor();
  assert.deepEqual(await readdir(folder), [], "nothing is written without permission");

  await brick.getByRole("button", { name: "Allow" }).click();
  await brick.getByText("This brick may write here.").waitFor();
  await app.generate.click();
  await refusal.waitFor({ state: "hidden" });
  const [file] = await until("a file is on the disk", async () => {
    const files = await readdir(folder);
    return files.length > 0 ? files : undefined;
  });
  await brick.getByText(file).waitFor();
  assert.match(file, /^apple 7.*\.png$/);
  const first = await readFile(join(folder, file));
  assert.equal(first.subarray(1, 4).toString(), "PNG");

  await app.settings({ Steps: 3 });
  await app.generate.click();
  await until("a second file is there", async () => (await readdir(folder)).length === 2);
  assert.ok(first.equals(await readFile(join(folder, file))), "the first file is as it was");
});
