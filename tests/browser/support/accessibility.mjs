/** What axe-core finds wrong on the page as it stands. */
import { readFile } from "node:fs/promises";
import { fromWebApp } from "./browser.mjs";

const GRAVE = ["serious", "critical"];

/** The serious and critical violations, one line each. */
export async function violations(page) {
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
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const ending = document.getAnimations().filter((animation) => animation.effect.getComputedTiming().endTime !== Infinity);
  await Promise.allSettled(ending.map((animation) => animation.finished));
}
