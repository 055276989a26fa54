/** Tells a listener only of the changes it looks at, so that one event redraws one element. */
import type { State, Store } from "./state.js";

/** Equal, or plain objects or lists whose members are. Two levels deep, which is what views are made of. */
export function alike(a: unknown, b: unknown, depth = 2): boolean {
  if (Object.is(a, b)) return true;
  if (depth === 0 || typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return keys.every((key) => key in right && alike(left[key], right[key], depth - 1));
}

/** Calls `changed` when what `select` gives is no longer alike. Returns the way to end it. */
export function watch(store: Store, select: (state: State) => unknown, changed: () => void): () => void {
  let last = select(store.state);
  return store.subscribe(() => {
    const next = select(store.state);
    if (alike(last, next)) return;
    last = next;
    changed();
  });
}
