// The JSON Schema (2020-12) of a brick's parameters, with the `x-` keys that the studio's forms read.

import { BrickError } from "./errors.js";
import { label } from "./names.js";

/** What a parameter is when nobody chose anything, by its type. */
const EMPTY = { string: "", boolean: false, integer: 0, number: 0, array: [] };

/** The schema of all parameters. `x-order` keeps the order of the form, because an object's keys have none. */
export function paramsSchema(params = {}) {
  const properties = Object.fromEntries(
    Object.entries(params).map(([name, param]) => [name, property(name, param)]),
  );
  return { type: "object", properties, "x-order": Object.keys(params) };
}

/** The parameters from a JSON text. What is missing has its default. */
export function withDefaults(params = {}, text) {
  const given = parse(text);
  const defaults = Object.entries(params).map(([name, param]) => [name, defaultOf(param)]);
  return { ...Object.fromEntries(defaults), ...given };
}

function parse(text) {
  try {
    const given = JSON.parse(text);
    if (given !== null && typeof given === "object" && !Array.isArray(given)) return given;
  } catch {
    // Said below.
  }
  throw BrickError.other("The parameters are not a JSON object.");
}

function property(name, param) {
  const schema = { type: param.optional ? [param.type, "null"] : param.type };
  if (param.type === "array") schema.items = { type: param.items ?? "string" };
  if (param.choices !== undefined) offer(schema.items ?? schema, choices(param.choices));
  schema.title = param.title ?? label(name);
  if (param.doc) schema.description = param.doc;
  schema.default = defaultOf(param);
  const keywords = { minimum: param.min, maximum: param.max, maxItems: param.maxItems, multipleOf: param.multipleOf };
  const hints = Object.entries(param).filter(([key]) => key.startsWith("x-"));
  return withoutUndefined({
    ...schema,
    ...keywords,
    "x-step": param.step ?? param.multipleOf,
    "x-widget": param.widget,
    ...Object.fromEntries(hints),
  });
}

function defaultOf(param) {
  if (param.default !== undefined) return param.default;
  if (param.optional) return null;
  if (param.choices !== undefined && param.type !== "array") return choices(param.choices)[0]?.value;
  return EMPTY[param.type];
}

/** A choice may be written as a value, as `[value, label]` or as `{ value, label, group }`. */
function choices(written) {
  return written.map((choice) => {
    if (Array.isArray(choice)) return { value: choice[0], label: choice[1] };
    return typeof choice === "object" ? choice : { value: choice, label: String(choice) };
  });
}

/** Writes the values allowed, and side by side with them their labels and groups. */
function offer(target, offered) {
  target.enum = offered.map((choice) => choice.value);
  target["x-labels"] = offered.map((choice) => choice.label);
  if (offered.some((choice) => choice.group !== undefined)) {
    target["x-groups"] = offered.map((choice) => choice.group ?? "");
  }
}

function withoutUndefined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
