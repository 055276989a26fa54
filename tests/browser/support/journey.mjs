/** One journey: a fresh studio, a fresh browser, the walk, and the end of both whatever happens. */
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { App } from "./app.mjs";
import { Browser } from "./browser.mjs";
import { Studio } from "./studio.mjs";

/** A journey that takes longer hangs. */
const LONGEST_MS = 120_000;

/** Where a picture of the page at the moment of a failure goes. */
const FAILURES = fileURLToPath(new URL("../../../target/browser-failures", import.meta.url));

/**
 * Walks one journey and ends the process, with code 1 and a reason on failure.
 * `walk` gets `{ studio, browser, page, app }`; `ownBricks` lets it change the first-party bricks; models
 * come from `hub`, which ends with the journey; all other options are Playwright's for a browser context.
 */
export async function journey(walk, { ownBricks = false, hub, ...options } = {}) {
  const studio = await Studio.fresh({ ownBricks, hub });
  let browser;
  try {
    browser = await Browser.fresh(studio, options);
    const { page } = browser;
    await withinTime(walk({ studio, browser, page, app: new App(page) }));
    if (browser.faults.length > 0) throw new Error(`All steps were taken, but:\n${browser.faults.join("\n")}`);
  } catch (error) {
    process.exitCode = 1;
    await report(error, browser);
  } finally {
    await browser?.end().catch((error) => console.error(error));
    await studio.end();
    hub?.end();
  }
  process.exit();
}

async function withinTime(walking) {
  let timer;
  const stopped = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The journey took longer than ${LONGEST_MS / 1000} s.`)), LONGEST_MS);
    // What fails beside the walk, such as in a route, fails the journey too, and leaves nothing running behind.
    process.once("unhandledRejection", reject);
  });
  await Promise.race([walking, stopped]).finally(() => clearTimeout(timer));
}

async function report(error, browser) {
  console.error(error);
  if (browser === undefined) return;
  for (const fault of browser.faults) console.error(fault);
  await mkdir(FAILURES, { recursive: true });
  const path = join(FAILURES, `${basename(process.argv[1], ".mjs")}.png`);
  const taken = await browser.page.screenshot({ path }).catch(() => undefined);
  if (taken !== undefined) console.error(`The page at that moment: ${path}`);
}
