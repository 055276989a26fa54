/** The page needs nothing but the studio: every request goes there, and its security policy holds. */
import assert from "node:assert/strict";
import { journey } from "../support/journey.mjs";

// Every journey fails on a request to another origin; this one also walks where such a request would hide.
await journey(async ({ browser, studio, page, app }) => {
  const answers = new Map();
  page.on("response", (response) => answers.set(new URL(response.url()).pathname, response));
  await app.open();
  await app.fold("Styles", false);
  for (const panel of ["Open workflows", "History", "Queue", "Keyboard shortcuts"]) {
    await app.button(panel).click();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  }
  await app.settings({ Steps: 2 });
  await app.generate.click();
  await app.picture().waitFor();
  await app.brick("Output").getByRole("button", { name: /^View/ }).click();
  const download = app.dialog("Picture").getByRole("link", { name: "Download" });
  const [saved] = await Promise.all([page.waitForEvent("download"), download.click()]);
  assert.match(saved.suggestedFilename(), /\.png$/);

  assert.ok(browser.requests.length > 10);
  assert.ok(browser.requests.some((url) => url.includes("/api/events")), "the events are among what was watched");
  const policy = answers.get("/").headers()["content-security-policy"];
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /https?:|\*|unsafe-eval/);

  // Cached for ever, because an address is a digest.
  const picture = await fetch(studio.address + (await app.picture().getAttribute("src")));
  assert.match(picture.headers.get("cache-control"), /immutable/);
});
