/** A part of a picture is painted over by hand, and a run changes that part and nothing else. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { journey } from "../support/journey.mjs";
import { keyboardAt } from "../support/keyboard.mjs";
import { coloursAt } from "../support/pixels.mjs";
import { plainGreen } from "../support/pictures.mjs";
import { until } from "../support/wait.mjs";

const GREEN = { red: 0, green: 200, blue: 0 };
const BOARD = "Picture to paint over. Arrow keys lead the brush, Enter paints, Shift with an arrow draws.";
const FAR = [[0.95, 0.95], [0.05, 0.95], [0.95, 0.05]];

await journey(async ({ studio, page, app }) => {
  const { keyboard, mouse } = page;
  await app.open();
  await app.importFile("change-a-part.json", await readFile("workflows/change-a-part.json", "utf8"));
  const brick = app.brick("Mask");
  const dialog = app.dialog("Paint the part that is to change");
  const done = dialog.getByRole("button", { name: "Done" });
  const undo = dialog.getByRole("button", { name: "Undo" });
  const board = dialog.getByRole("application", { name: BOARD });

  // Without a picture it asks what to paint over.
  await brick.getByRole("button", { name: "Paint mask" }).click();
  await dialog.getByRole("button", { name: "Choose a picture" }).waitFor();
  await keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await keyboardAt(page, "Paint mask");

  const choosing = page.waitForEvent("filechooser");
  await app.brick("Image").getByRole("button", { name: /^Picture/ }).click();
  await (await choosing).setFiles({ name: "green.png", mimeType: "image/png", buffer: await plainGreen(page, 64) });
  await app.brick("Image").getByRole("img", { name: "Chosen picture" }).waitFor();

  // The picture that was chosen is there before anything was run.
  await brick.getByRole("button", { name: "Paint mask" }).click();
  await board.waitFor();
  await keyboardAt(page, BOARD);
  assert.ok(await done.isDisabled(), "there is nothing to keep yet");
  await until("the picture shows", () => board.locator("img").evaluate((image) => image.complete && image.naturalWidth === 64));
  const sheet = await board.locator("canvas").boundingBox();
  const at = (x, y) => [sheet.x + sheet.width * x, sheet.y + sheet.height * y];
  const painted = () => board.locator("canvas").evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return { count: data.filter((value, index) => index % 4 === 3 && value > 0).length, size: [canvas.width, canvas.height] };
  });
  const stroke = async (from, to) => {
    await mouse.move(...at(...from));
    await mouse.down();
    await mouse.move(...at(...to), { steps: 5 });
    await mouse.up();
  };

  await keyboard.press("]");
  await stroke([0.3, 0.3], [0.5, 0.3]);
  const first = await painted();
  assert.deepEqual(first.size, [64, 64]);
  assert.ok(first.count > 60 && first.count < 200, `a stroke of a brush: ${first.count}`);
  await stroke([0.3, 0.4], [0.5, 0.4]);
  const both = await painted();
  assert.ok(both.count > first.count);

  // Steps go back and forth, and the eraser takes away.
  await keyboard.press("Control+z");
  assert.equal((await painted()).count, first.count);
  await keyboard.press("Control+Shift+z");
  assert.equal((await painted()).count, both.count);
  await keyboard.press("e");
  await stroke([0.3, 0.4], [0.5, 0.4]);
  assert.ok((await painted()).count < both.count);
  await undo.click();
  await dialog.getByRole("button", { name: "Invert" }).click();
  assert.equal((await painted()).count, 64 * 64 - both.count);
  await keyboard.press("Control+z");

  // Zooming keeps what is painted, and the keyboard paints too.
  await mouse.move(...at(0.5, 0.5));
  await mouse.wheel(0, -400);
  await until("it is enlarged", async () => (await board.locator("canvas").boundingBox()).width > sheet.width * 1.3);
  await keyboard.press("0");
  await keyboard.press("b");
  await keyboard.press("Enter");
  const dabbed = await painted();
  assert.ok(dabbed.count > both.count, "Enter paints where the brush is");
  await keyboard.press("Control+z");

  // What would be lost is asked about, every time.
  const question = app.dialog("Leave without keeping the mask?");
  for (let time = 0; time < 3; time += 1) {
    await keyboard.press("Escape");
    await question.waitFor();
    await keyboard.press("Escape");
    await question.waitFor({ state: "hidden" });
    assert.ok(await board.isVisible(), "it is still there");
  }

  await done.click();
  await dialog.waitFor({ state: "hidden" });
  const shown = brick.getByRole("img", { name: "Painted mask" });
  await shown.waitFor();
  assert.deepEqual(await coloursAt(shown, [[0.4, 0.3], [0.9, 0.9]]), [{ red: 255, green: 255, blue: 255 }, { red: 0, green: 0, blue: 0 }]);

  await app.settings({ Steps: 6, Seed: 7 });
  await app.number("Inpaint", "Feather").fill("2");
  await app.generate.click();
  await app.picture().waitFor();
  assert.deepEqual(await coloursAt(app.picture(), FAR), FAR.map(() => GREEN), "what was not painted over is as it was");
  const changed = await coloursAt(app.picture(), [[0.35, 0.3], [0.4, 0.35], [0.45, 0.4]]);
  assert.ok(changed.some(({ red, green, blue }) => Math.abs(red) + Math.abs(green - 200) + Math.abs(blue) > 30), `the part is new: ${JSON.stringify(changed)}`);
  const [job] = await studio.jobs();
  assert.equal(job.state, "succeeded");

  // Before and after lie behind one another, parted by a line.
  await app.button("View Output, picture 1").click();
  const large = app.dialog("Picture");
  await large.getByRole("button", { name: "Compare with before" }).click();
  const before = large.getByRole("img", { name: "Before" });
  assert.deepEqual(await coloursAt(before, [[0.4, 0.35]]), [GREEN]);
  const line = large.getByRole("slider", { name: "Line between before and after" });
  const [after, under] = [await large.getByRole("img", { name: /, picture 1$/ }).boundingBox(), await before.boundingBox()];
  assert.deepEqual(under, after, "the same place and size");
  await line.focus();
  await keyboard.press("End");
  assert.equal(await line.inputValue(), "100");
  await large.getByRole("button", { name: "Compare with before" }).click();
  await before.waitFor({ state: "detached" });
  await keyboard.press("Escape");
  await large.waitFor({ state: "hidden" });

  // It is one step of the workflow, and a mask can be changed later.
  await brick.getByRole("button", { name: "Change mask" }).click();
  await board.waitFor();
  assert.equal((await painted()).count, both.count, "it begins with what was painted");
  await keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await brick.getByRole("button", { name: "Clear mask" }).click();
  await shown.waitFor({ state: "detached" });
  await app.button("Undo").click();
  await shown.waitFor();

  // A brick that lacks its mask offers to paint one: the brick for it comes along, and is linked.
  await app.button("Remove Mask").click();
  await app.brick("Inpaint").getByRole("button", { name: "Paint mask" }).click();
  await board.waitFor();
  await keyboard.press("Enter");
  await done.click();
  await app.hasBricks("Image", "Prompt", "Settings", "Mask", "Inpaint", "Output");
  await app.keeps("feeds the new mask", ({ links }) => links.some(({ from, to }) => from === "mask.mask" && to === "inpaint.mask"));
});
