/** Scrolling to what matters, gently unless the person asked for less motion. */

export function bringIntoView(element: Element): void {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ block: "nearest", inline: "nearest", behavior: calm ? "instant" : "smooth" });
}
