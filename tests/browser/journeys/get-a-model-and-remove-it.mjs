/** A missing model leads to the page of models; one is got, stopped, gone on with, installed and removed, by keyboard where it matters. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { Hub } from "../support/hub.mjs";
import { journey } from "../support/journey.mjs";
import { until } from "../support/wait.mjs";

const elsewhere = JSON.parse(await readFile("workflows/first-picture.json", "utf8"));
elsewhere.bricks.find((brick) => brick.brick === "qpyt:render").params.model = "stable-diffusion-v1-5";

const hub = await Hub.start();

await journey(
  async ({ page, app }) => {
    await app.open();
    const panel = page.locator("qp-models");
    const model = panel.getByRole("listitem").filter({ hasText: "SmolLM2 135M" });
    const act = (name) => model.getByRole("button", { name: `${name}: SmolLM2 135M`, exact: true });

    // A workflow whose model nobody has offers the way to it.
    await app.importFile("other-model.json", JSON.stringify(elsewhere));
    await app.button("Look for stable-diffusion-v1-5").click();
    await panel.getByRole("heading", { name: /^Stable Diffusion 1.5/ }).waitFor();
    await until("the page has its address", () => page.url().endsWith("#models/stable-diffusion-v1-5"));
    await page.keyboard.press("Escape");
    await until("the page of models is closed", () => !page.url().includes("#models"));

    // Nothing large comes without a word.
    await page.keyboard.press("m");
    await panel.getByRole("searchbox").fill("stable diffusion 1.5");
    await panel.getByRole("button", { name: "Get: Stable Diffusion 1.5" }).click();
    const question = page.getByRole("dialog", { name: "Get Stable Diffusion 1.5?" });
    await panel.getByText(/2\.0 GiB to download; .* are free/).waitFor();
    await page.keyboard.press("Escape");
    await question.waitFor({ state: "hidden" });

    await panel.getByRole("searchbox").fill("smol 135");
    hub.hold();
    await act("Get").click();
    await until("some of it is here", async () => Number(await model.getByRole("progressbar").getAttribute("aria-valuenow")) > 10);
    await act("Cancel").click();
    await model.getByText("Interrupted").waitFor();
    hub.release();
    await act("Go on").focus();
    await page.keyboard.press("Enter");
    await model.getByText("Installed", { exact: true }).waitFor();
    await act("Remove").click();
    await page.getByRole("dialog", { name: "Remove SmolLM2 135M?" }).waitFor();
    await app.button("Remove").click();
    await model.getByText("Not installed").waitFor();

    // On a phone nothing sticks out.
    await page.setViewportSize({ width: 390, height: 844 });
    await panel.getByRole("searchbox").fill("");
    const wide = await page.evaluate(() => document.querySelector("qp-app").shadowRoot.querySelector("qp-models").shadowRoot.querySelector(".page").scrollWidth);
    assert.ok(wide <= 390, `the page is ${wide} px wide`);
  },
  { hub },
);
