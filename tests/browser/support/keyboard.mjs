/** A person without a mouse: Tab until the thing is there. */
import { until } from "./wait.mjs";

const MOST_STOPS = 150;

/** Tabs to the control with this accessible name, and says where the keyboard went when it is not found. */
export async function tabTo(page, name, key = "Tab") {
  const stops = [];
  for (let count = 0; count < MOST_STOPS; count += 1) {
    await page.keyboard.press(key);
    const stop = await focusedName(page);
    if (stop === name) return;
    stops.push(stop);
  }
  throw new Error(`${MOST_STOPS} times ${key} did not reach “${name}”, but: ${stops.join(", ")}`);
}

/** Waits until the control with this accessible name has the keyboard. */
export async function keyboardAt(page, name) {
  let at;
  await until(`“${name}” has the keyboard`, async () => (at = await focusedName(page)) === name).catch((error) => {
    throw new Error(`${error.message} It is at “${at}”.`);
  });
}

/** The name of what has the keyboard, through shadow roots. */
function focusedName(page) {
  return page.evaluate(() => {
    let active = document.activeElement;
    while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
    if (!active) return "";
    const reference = active.getAttribute("aria-labelledby");
    const named = reference?.split(" ").map((id) => active.getRootNode().getElementById(id)?.textContent ?? "").join(" ");
    const text = active.getAttribute("aria-label") ?? named ?? active.labels?.[0]?.textContent ?? active.textContent;
    return text.replace(/\s+/g, " ").trim();
  });
}

/** Whether what has the keyboard shows it, and stands where a person sees it. */
export function focusIsSeen(page) {
  return page.evaluate(() => {
    let active = document.activeElement;
    while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
    const { top, bottom, left, right } = active.getBoundingClientRect();
    const inView = bottom > 0 && right > 0 && top < innerHeight && left < innerWidth;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(active);
    return inView && ((outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none");
  });
}
