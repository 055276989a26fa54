/**
 * Keeps the form still under the hands of the person: while a field has the keyboard and its brick is replaced, the field
 * stays the same element at the same place, and what was typed into it stays too.
 */
import type { JsonObject } from "../net/types.js";
import type { Field } from "./schema.js";

/** The fields to show while one is being edited, and which of them the brick no longer has. */
export interface Steady {
  fields: Field[];
  gone: ReadonlySet<string>;
}

/**
 * The fields of the schema as it is now, in the order in which they stand on the page, so that none has to be moved.
 * The edited one keeps its widget, and its default for as long as the document gives no value.
 */
export function steady(now: readonly Field[], shown: readonly Field[], editing: string | undefined, params: JsonObject): Steady {
  const before = shown.find((field) => field.name === editing);
  if (!before) return { fields: [...now], gone: new Set() };
  const fresh = new Map(now.map((field) => [field.name, field]));
  const stay = shown.flatMap((field) => {
    const next = fresh.get(field.name);
    if (field.name !== editing) return next ? [next] : [];
    return [next?.widget === field.widget ? withDefaults(next, field, params) : field];
  });
  const placed = new Set(stay.flatMap(namesOf));
  return { fields: [...stay, ...now.filter((field) => !placed.has(field.name))], gone: new Set(fresh.has(before.name) ? [] : [before.name]) };
}

function withDefaults(next: Field, before: Field, params: JsonObject): Field {
  const kept = before.name in params ? next : { ...next, default: before.default };
  if (kept.widget !== "size" || before.widget !== "size" || "height" in params) return kept;
  return { ...kept, height: { ...kept.height, default: before.height.default } };
}

/** The parameters that a field speaks for. */
export function namesOf(field: Field): string[] {
  return field.widget === "size" ? [field.name, field.height.name] : [field.name];
}
