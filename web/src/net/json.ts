/** JSON values as text. */
import type { Json } from "./types.js";

/** What a person would write for a value: a string as it is, nothing for null, JSON for the rest. */
export function asText(value: Json | undefined): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
