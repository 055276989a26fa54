/** What axe-core finds wrong on the page as it stands. */
import { readFile } from "node:fs/promises";
import { fromWebApp } from "./browser.mjs";
import { everyView } from "./views.mjs";

const GRAVE = ["serious", "critical"];
const WIDE = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };

/** What axe finds on every view, on a wide screen and on a phone. */
export async function violationsOnEveryView(walk) {
  const { page } = walk;
  const found = [];
  await everyView(walk, async (view) => {
    for (const viewport of [PHONE, WIDE]) {
      await page.setViewportSize(viewport);
      for (const violation of await violations(page)) found.push(`${view}, ${viewport.width} px: ${violation}`);
    }
  });
  return found;
}

/** The serious and critical violations, one line each. */
async function violations(page) {
  await page.evaluate(stillness);
  if (!(await page.evaluate(() => "axe" in globalThis))) {
    await page.evaluate(await readFile(fromWebApp.resolve("axe-core/axe.min.js"), "utf8"));
  }
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations
    .filter(({ impact }) => GRAVE.includes(impact))
    .flatMap(({ id, help, nodes }) => nodes.map((node) => `${id} (${help}): ${node.target.flat().join(" ")}: ${node.failureSummary}`));
}

/** Waits until no colour is on its way to another. What moves without end, such as a light that pulses, may. */
async function stillness() {
  const roots = (root) => [root, ...[...root.querySelectorAll("*")].flatMap(({ shadowRoot }) => (shadowRoot ? roots(shadowRoot) : []))];
  const moving = () =>
    roots(document)
      .flatMap((root) => root.getAnimations())
      .filter((animation) => animation.playState === "running" && animation.effect.getComputedTiming().endTime !== Infinity);
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  await frame();
  do await frame();
  while (moving().length > 0);
}
