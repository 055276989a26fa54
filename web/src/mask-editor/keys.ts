/** The keys of the mask editor. */

export type MaskAction =
  | { do: "undo" | "redo" | "clear" | "invert" | "fit" | "close" | "dab" }
  | { do: "tool"; tool: "paint" | "erase" }
  | { do: "resize"; steps: number }
  | { do: "zoom"; factor: number }
  | { do: "move"; x: number; y: number; draws: boolean };

/** What of a keyboard event counts. Meta is the Command key, which stands for Ctrl. */
export type KeyEvent = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

const ZOOM = 1.25;

const PLAIN: Record<string, MaskAction> = {
  b: { do: "tool", tool: "paint" },
  e: { do: "tool", tool: "erase" },
  i: { do: "invert" },
  "0": { do: "fit" },
  "[": { do: "resize", steps: -1 },
  "]": { do: "resize", steps: 1 },
  "+": { do: "zoom", factor: ZOOM },
  "=": { do: "zoom", factor: ZOOM },
  "-": { do: "zoom", factor: 1 / ZOOM },
  delete: { do: "clear" },
  escape: { do: "close" },
};

const ARROWS: Record<string, { x: number; y: number }> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** The action of a key press. `onPicture`: the picture has the keyboard, so that arrows lead the brush. */
export function actionOf(event: KeyEvent, onPicture: boolean): MaskAction | undefined {
  const key = event.key.toLowerCase();
  if (event.altKey) return undefined;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") return { do: event.shiftKey ? "redo" : "undo" };
    return key === "y" ? { do: "redo" } : undefined;
  }
  const arrow = ARROWS[event.key];
  if (onPicture && arrow) return { do: "move", ...arrow, draws: event.shiftKey };
  if (onPicture && key === "enter") return { do: "dab" };
  return PLAIN[key];
}
