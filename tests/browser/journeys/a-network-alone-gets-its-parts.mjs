/** A file that holds a network alone says what it lacks, leads to what has it, and paints once that has come. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { Hub } from "../support/hub.mjs";
import { journey } from "../support/journey.mjs";
import { until } from "../support/wait.mjs";
import { shapesIn, smallFlux, zeros } from "../support/weights.mjs";

const REFERENCE = "tests/reference/flux1-dev";

/** The reference's autoencoder with as many channels as groups can divide; those of its latents stay. */
async function autoencoder() {
  const shapes = await shapesIn(`${REFERENCE}/vae/diffusion_pytorch_model.safetensors`);
  const wide = Object.entries(shapes).map(([name, shape]) => [name, shape.map((side) => (side === 16 ? 32 : side))]);
  return zeros({ ...Object.fromEntries(wide), "decoder.conv_in.weight": shapes["decoder.conv_in.weight"] });
}

const hub = await Hub.start({
  "comfyanonymous/flux_text_encoders": {
    "clip_l.safetensors": await readFile(`${REFERENCE}/text_encoder/model.safetensors`),
    "t5xxl_fp8_e4m3fn.safetensors": await readFile(`${REFERENCE}/text_encoder_2/model.safetensors`),
  },
  "Comfy-Org/z_image_turbo": { "split_files/vae/ae.safetensors": await autoencoder() },
});

const workflow = JSON.parse(await readFile("workflows/first-picture.json", "utf8"));
const render = workflow.bricks.find((brick) => brick.brick === "qpyt:render");
Object.assign(render, { brick: "qpyt:render-flux", params: { model: "my-flux" } });

await journey(
  async ({ studio, page, app }) => {
    const models = studio.folder("data/models");
    await mkdir(models, { recursive: true });
    await writeFile(`${models}/my-flux.safetensors`, zeros(smallFlux({ channels: 64, text: 32, pooled: 32 })));
    await until("the studio has seen the file", async () => (await studio.ask("GET", "/api/models")).broken.length === 1);

    await app.open();
    await app.importFile("flux.json", JSON.stringify(workflow));
    const card = app.brick("Render FLUX");
    await card.getByText(/my-flux.safetensors can't be used: holds the network alone, without the autoencoder/).waitFor();
    // Said once, at the field that names it.
    await until("it is said once", async () => (await card.getByText("holds the network alone").count()) === 1);
    await card.getByRole("button", { name: "Look for flux.1-parts" }).click();

    const panel = page.locator("qp-models");
    const parts = panel.getByRole("listitem").filter({ hasText: "Parts for FLUX.1" });
    await parts.getByText("Not installed").waitFor();
    const lacking = panel.getByRole("listitem").filter({ hasText: "my-flux.safetensors" });
    await lacking.getByText(/holds the network alone/).waitFor();
    hub.hold();
    await lacking.getByRole("button", { name: "Get Parts for FLUX.1" }).click();
    await parts.getByText("Downloading").waitFor();
    await parts.getByRole("button", { name: "Cancel: Parts for FLUX.1" }).click();
    await parts.getByText("Interrupted").waitFor();
    hub.release();
    await parts.getByRole("button", { name: "Go on: Parts for FLUX.1" }).click();
    await parts.getByText("Installed", { exact: true }).waitFor();

    await lacking.getByText(/can't be used|holds the network alone/).waitFor({ state: "detached" });
    await page.keyboard.press("Escape");
    const model = card.getByRole("combobox", { name: "Model" });
    await until("the model can be chosen", async () => /^My.flux/i.test(await model.locator("option:checked").textContent()));
    await until("nothing is wrong with it", async () => (await card.getByText("can't be used").count()) === 0);
  },
  { hub },
);
