/** Looks up what the app says. `{name}` in a text is replaced by the argument of that name. */
import { en } from "./en.js";

export type TextKey = keyof typeof en;

export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  return en[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
