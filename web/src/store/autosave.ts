/** Keeps the work across reloads: the document, its history, and the jobs under way, in the browser's own storage. */
import type { WorkflowDocument } from "../net/types.js";
import type { Seen } from "./catalog.js";
import { normalise } from "./document.js";
import { type History, NO_HISTORY } from "./history.js";
import type { State, Store } from "./state.js";

const KEY = "qpyt.autosave.1";
const DEBOUNCE_MS = 300;

interface Saved {
  document: WorkflowDocument;
  history: History;
  dirty: boolean;
  savedName: string | null;
  tracked: string[];
  shown: string | null;
  seen: Seen;
}

type SavedState = Pick<State, "document" | "history" | "dirty" | "savedName" | "tracked" | "shown" | "seen">;

/** What was kept last time, or `undefined` on the first visit or when it can't be read. */
export function restore(storage: Pick<Storage, "getItem">): SavedState | undefined {
  try {
    const saved = JSON.parse(storage.getItem(KEY) ?? "null") as Partial<Saved> | null;
    if (!saved) return undefined;
    return {
      document: normalise(saved.document),
      history: isHistory(saved.history) ? saved.history : NO_HISTORY,
      dirty: saved.dirty === true,
      savedName: saved.savedName ?? undefined,
      tracked: saved.tracked ?? [],
      shown: saved.shown ?? undefined,
      seen: saved.seen ?? {},
    };
  } catch {
    return undefined;
  }
}

function isHistory(value: History | undefined): value is History {
  return Array.isArray(value?.past) && Array.isArray(value.future);
}

/** Writes every change a moment later, and at once when the page goes away. Returns `flush`. */
export function autosave(store: Store, storage: Pick<Storage, "setItem">): () => void {
  let last = store.state;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    write(storage, store.state);
  };
  store.subscribe(() => {
    const { document, history, dirty, savedName, tracked, shown, seen } = store.state;
    const changed =
      document !== last.document ||
      history !== last.history ||
      dirty !== last.dirty ||
      savedName !== last.savedName ||
      tracked !== last.tracked ||
      shown !== last.shown ||
      (seen !== last.seen && history.past.length > 0);
    last = store.state;
    if (changed) timer ??= setTimeout(flush, DEBOUNCE_MS);
  });
  return flush;
}

function write(storage: Pick<Storage, "setItem">, state: State): void {
  const { document, history, dirty, savedName, tracked, shown, seen } = state;
  const saved: Saved = { document, history, dirty, savedName: savedName ?? null, tracked: [...tracked], shown: shown ?? null, seen };
  try {
    storage.setItem(KEY, JSON.stringify(saved));
  } catch {
    // Storage is full: the document matters more than the way back.
    trySet(storage, JSON.stringify({ ...saved, history: NO_HISTORY }));
  }
}

function trySet(storage: Pick<Storage, "setItem">, text: string): void {
  try {
    storage.setItem(KEY, text);
  } catch (error) {
    console.warn("The browser refuses to keep the work across a reload.", error);
  }
}
