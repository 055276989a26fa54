/** A picture of one's own is the start of the next: uploaded, shown, painted over; what is no picture is told of. */
import assert from "node:assert/strict";
import { journey } from "../support/journey.mjs";
import { plainGreen } from "../support/pictures.mjs";
import { coloursAt } from "../support/pixels.mjs";

await journey(async ({ browser, studio, page, app }) => {
  browser.tolerate(/status of 4(00|15|22)/);
  await app.open();
  await app.settings({ Steps: 20, Seed: 7 });
  await app.button("Add brick").click();
  await app.panel("Add a brick").getByRole("button", { name: /^Add Image (?!to )/ }).click();
  const brick = app.brick("Image");
  await brick.waitFor();
  const names = await app.bricks();
  assert.ok(names.indexOf("Image") < names.indexOf("Render"), `it stands before render: ${names}`);
  await app.keeps("feeds the picture to render", ({ links }) => links.some(({ from, to }) => from === "image-input.image" && to === "render.image"));

  const choose = async (name, mimeType, buffer) => {
    const choosing = page.waitForEvent("filechooser");
    await brick.getByRole("button", { name: /^Picture/ }).click();
    await (await choosing).setFiles({ name, mimeType, buffer });
  };
  await choose("notes.txt", "text/plain", Buffer.from("no picture at all"));
  await brick.getByRole("alert").getByText(/not a picture/).waitFor();
  await choose("broken.png", "image/png", Buffer.from("\x89PNG\r\n\x1a\nbut nothing after it", "latin1"));
  await page.getByRole("alert", { name: "The picture was not stored" }).waitFor();

  await choose("green.png", "image/png", await plainGreen(page, 80));
  const chosen = brick.getByRole("img", { name: "Chosen picture" });
  await chosen.waitFor();
  assert.deepEqual(await coloursAt(chosen, [[0.5, 0.5]]), [{ red: 0, green: 200, blue: 0 }]);
  assert.equal(await page.getByRole("alert").count(), 0, "the messages go when a picture is there");

  // Little strength keeps most of it.
  await app.number("Render", "Strength").fill("0.2");
  await app.generate.click();
  await app.picture().waitFor();
  for (const { red, green, blue } of await coloursAt(app.picture(), [[0.1, 0.1], [0.9, 0.9]])) {
    assert.ok(green > red + 40 && green > blue + 40, `still green: ${red} ${green} ${blue}`);
  }
  const [job] = await studio.jobs();
  assert.equal(job.state, "succeeded");
  await app.button("Remove picture").click();
  await chosen.waitFor({ state: "detached" });
});
