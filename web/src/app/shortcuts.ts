/** The keys of the app: one table for what they do and for the help that lists them. */
import { t, type TextKey } from "../i18n/text.js";

export type Action = "generate" | "stop" | "undo" | "redo" | "save" | "open" | "add" | "history" | "queue" | "bricks" | "models" | "help";

export interface Shortcut {
  action: Action;
  /** As shown, in parts. */
  keys: string[];
  label: TextKey;
  matches(event: KeyEvent): boolean;
  /** A plain letter, which must not act while a text is being typed. */
  plain: boolean;
}

/** What of a keyboard event counts. Meta is the Command key, which stands for Ctrl. */
export type KeyEvent = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

function ctrl(key: string, extra: { alt?: boolean; shift?: boolean } = {}): (event: KeyEvent) => boolean {
  return (event) =>
    event.key.toLowerCase() === key &&
    (event.ctrlKey || event.metaKey) &&
    event.altKey === (extra.alt ?? false) &&
    event.shiftKey === (extra.shift ?? false);
}

function plain(key: string): (event: KeyEvent) => boolean {
  return (event) => event.key.toLowerCase() === key && !event.ctrlKey && !event.metaKey && !event.altKey;
}

const CTRL = t("key.ctrl");
const SHIFT = t("key.shift");
const ALT = t("key.alt");
const ENTER = t("key.enter");

export const shortcuts: readonly Shortcut[] = [
  { action: "generate", keys: [CTRL, ENTER], label: "shortcut.generate", matches: ctrl("enter"), plain: false },
  { action: "stop", keys: [CTRL, ALT, ENTER], label: "shortcut.stop", matches: ctrl("enter", { alt: true }), plain: false },
  { action: "undo", keys: [CTRL, "Z"], label: "shortcut.undo", matches: ctrl("z"), plain: false },
  { action: "redo", keys: [CTRL, SHIFT, "Z"], label: "shortcut.redo", matches: ctrl("z", { shift: true }), plain: false },
  { action: "redo", keys: [CTRL, "Y"], label: "shortcut.redo", matches: ctrl("y"), plain: false },
  { action: "save", keys: [CTRL, "S"], label: "shortcut.save", matches: ctrl("s"), plain: false },
  { action: "open", keys: [CTRL, "O"], label: "shortcut.open", matches: ctrl("o"), plain: false },
  { action: "add", keys: ["A"], label: "shortcut.add", matches: plain("a"), plain: true },
  { action: "history", keys: ["H"], label: "shortcut.history", matches: plain("h"), plain: true },
  { action: "queue", keys: ["Q"], label: "shortcut.queue", matches: plain("q"), plain: true },
  { action: "bricks", keys: ["B"], label: "shortcut.bricks", matches: plain("b"), plain: true },
  { action: "models", keys: ["M"], label: "shortcut.models", matches: plain("m"), plain: true },
  { action: "help", keys: ["?"], label: "shortcut.help", matches: plain("?"), plain: true },
];

/** The action of a key press, if it has one in this situation. */
export function actionOf(event: KeyEvent, typing: boolean): Action | undefined {
  return shortcuts.find((shortcut) => shortcut.matches(event) && !(shortcut.plain && typing))?.action;
}
