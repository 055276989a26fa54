/** Every view of the app, one after the other, for a test that looks at each. */
import { readFile } from "node:fs/promises";
import { PromptBrick } from "./brick.mjs";

const preset = JSON.parse(await readFile("workflows/first-picture.json", "utf8"));

const withFaults = structuredClone(preset);
withFaults.bricks.push({ id: "glow", brick: "acme:glow", requires: "^2.1", params: { amount: 0.7 } });
withFaults.bricks.find((brick) => brick.id === "settings").params.width = 1000000;
withFaults.layout.strip.push("glow");

/** Walks past every view and calls `look` with its name while it is there. */
export async function everyView({ browser, studio, page, app }, look) {
  await app.open();
  await app.fold("Styles", false);
  await look("start");

  // So much to do that it is not done before it was looked at, however slow the machine.
  await app.settings({ Width: 192, Height: 192, Steps: 150, Count: 16, Seed: 1 });
  await app.generate.click();
  await app.brick("Render").getByRole("img", { name: /^Preview/ }).waitFor();
  await look("running");
  await app.button("Queue, 1 unfinished").click();
  await app.panel("Queue").getByRole("progressbar").waitFor();
  await look("queue");
  await page.keyboard.press("Escape");
  await app.stop.click();
  await app.stop.waitFor({ state: "hidden" });

  await app.settings({ Width: 64, Height: 64, Steps: 2, Count: 2 });
  await app.generate.click();
  await app.picture("Output", 2).waitFor();
  await look("result");
  await app.button("View Output, picture 1").click();
  await app.dialog("Picture").getByRole("img").waitFor();
  await look("lightbox");
  await page.keyboard.press("Escape");

  await app.button("Save workflow").click();
  await page.getByText("Saved “First picture”").last().waitFor();
  await app.button("Open workflows").click();
  await app.button("Delete First picture").waitFor();
  await look("workflows");
  await app.button("Delete First picture").click();
  await app.dialog("Delete “First picture”?").waitFor();
  await look("a question");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await app.button("History").click();
  await app.panel("History").getByRole("button", { name: /^View/ }).waitFor();
  await look("history");
  await page.keyboard.press("Escape");
  await app.button("Add brick").click();
  await app.panel("Add a brick").getByRole("button", { name: /Save to disk/ }).waitFor();
  await look("bricks to add");
  await page.keyboard.press("Escape");
  await app.button("Keyboard shortcuts").click();
  await look("help");
  await page.keyboard.press("Escape");

  await maskViews({ page, app }, look);

  browser.tolerate(/status of 400/);
  await app.importFile("with-faults.json", JSON.stringify(withFaults));
  await app.brick("acme:glow").getByText(/is not installed/).waitFor();
  await app.generate.click();
  await page.getByRole("alert", { name: "This workflow can't run yet" }).waitFor();
  await look("faults");

  await bricksViews({ studio, page, app }, look);
}

/** The mask editor: without a picture, and while one is painted. */
async function maskViews({ page, app }, look) {
  await app.button("Add brick").click();
  await app.panel("Add a brick").getByRole("button", { name: /^Add Mask\b/ }).click();
  await app.brick("Mask").getByRole("button", { name: "Paint mask" }).click();
  const dialog = app.dialog("Paint the part that is to change");
  await dialog.getByRole("button", { name: "Empty sheet" }).waitFor();
  await look("what to paint a mask over");
  await dialog.getByRole("button", { name: "Empty sheet" }).click();
  await dialog.getByRole("application").waitFor();
  await page.keyboard.press("Enter");
  await look("a mask being painted");
  await dialog.getByRole("button", { name: "Done" }).click();
  await app.brick("Mask").getByRole("img", { name: "Painted mask" }).waitFor();
  await look("a painted mask");
}

/** What there is to see of bricks that ask, are refused, and are inspected. The studio has bricks of its own. */
async function bricksViews({ studio, page, app }, look) {
  const brick = await PromptBrick.of(studio);
  await brick.become({ version: "0.1.1", hosts: ["api.example.org:443"] });
  await app.version("Prompt", "0.1.1").waitFor();
  await app.brick("Prompt").getByRole("button", { name: "Review" }).click();
  await page.getByRole("region", { name: "Prompt asks for your permission" }).waitFor();
  await look("a wish");
  await brick.complains("error: expected `;`, found `}`\n  --> src/lib.rs:3:9");
  await page.getByRole("alert", { name: "Prompt does not build" }).waitFor();
  await look("a refusal");
  await app.version("Prompt", "0.1.1").click();
  await page.getByText("Versions, permissions, log").locator("visible=true").waitFor();
  await look("a version");
  await page.keyboard.press("Escape");
  await page.goto(`${studio.address}/#bricks`);
  const panel = app.panel("Installed bricks");
  await panel.getByRole("searchbox").waitFor();
  await look("installed bricks");
  for (const name of ["Prompt", "Save to disk", "Could not be loaded", "Secrets"]) {
    // The prompt enhancer begins with the same word; a brick's version follows its name.
    const button = name === "Prompt" ? /^Prompt \d/ : new RegExp(name);
    await panel.getByRole("navigation").getByRole("button", { name: button }).click();
    await look(name);
  }
  await page.keyboard.press("Escape");
  await page.goto(`${studio.address}/#models/u2net`);
  await page.locator("qp-models").getByRole("heading", { name: /^U²-Net/ }).first().waitFor();
  await look("models");
  await page.keyboard.press("Escape");
}
