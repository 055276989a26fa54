/** A secret is stored, replaced and removed without ever being shown again, and one switch takes all bricks off the network. */
import assert from "node:assert/strict";
import { journey } from "../support/journey.mjs";
import { until } from "../support/wait.mjs";

const VALUE = "sesame-open-0123456789";

await journey(async ({ browser, studio, page, app }) => {
  const answers = [];
  page.on("response", async (response) => answers.push(await response.text().catch(() => "")));
  await app.open();
  await page.goto(`${studio.address}/#bricks/secrets`);
  const panel = app.panel("Installed bricks");
  await panel.getByText("No secret is stored.").waitFor();
  await panel.getByRole("textbox", { name: "Name" }).fill("example-key");
  await panel.getByLabel("Value").fill(VALUE);
  await panel.getByRole("button", { name: "Store", exact: true }).click();
  const row = panel.getByRole("list", { name: "Secrets" }).getByRole("listitem");
  await row.getByText("example-key").waitFor();
  assert.equal(await panel.getByLabel("Value").inputValue(), "");
  await panel.getByRole("button", { name: "Replace example-key" }).click();
  assert.equal(await panel.getByRole("textbox", { name: "Name" }).inputValue(), "example-key");
  await page.keyboard.type(VALUE);
  await page.keyboard.press("Enter");
  await until("the form is empty again", async () => (await panel.getByRole("textbox", { name: "Name" }).inputValue()) === "");
  await panel.getByRole("button", { name: "Remove example-key" }).click();
  await page.getByRole("dialog", { name: "Remove the secret “example-key”?" }).waitFor();
  await app.button("Remove").click();
  await panel.getByText("No secret is stored.").waitFor();
  assert.ok(answers.every((answer) => !answer.includes(VALUE)), "no answer holds the value");

  const offline = panel.getByRole("switch", { name: "Offline" });
  await offline.click();
  await panel.getByText("No brick may use the network, and no model is fetched.").waitFor();
  assert.deepEqual(await studio.ask("GET", "/api/network"), { offline: true, forced: false });
  await offline.click();
  await panel.getByText("Bricks may use the hosts that you allowed.").waitFor();
  assert.equal(browser.faults.length, 0);
});
