/** Finding bricks by words. */
import type { BrickInfo } from "../net/types.js";

/** The bricks that have every word typed in their name, id or description; those with a word in their name first. */
export function found(bricks: readonly BrickInfo[], search: string): BrickInfo[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = bricks.filter((brick) => {
    const text = `${brick.label} ${brick.id} ${brick.doc}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const inName = (brick: BrickInfo): number => (words.some((word) => brick.label.toLowerCase().includes(word)) ? 0 : 1);
  return hits.sort((a, b) => inName(a) - inName(b) || a.label.localeCompare(b.label));
}
