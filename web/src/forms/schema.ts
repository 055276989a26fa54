/** Reads a brick's parameter schema (a JSON Schema of an object) into the list of fields its form shows. */
import { asText } from "../net/json.js";
import type { Json, JsonObject } from "../net/types.js";

interface Common {
  name: string;
  title: string;
  description: string;
  default: Json | undefined;
  /** Another parameter and the value that it must have for this one to mean anything. */
  when: { name: string; value: string } | undefined;
}

export interface Choice {
  value: Json;
  label: string;
  group: string;
}

export type Field = Common &
  (
    | { widget: "text" }
    | { widget: "prompt" }
    | { widget: "colour" }
    | { widget: "number"; minimum: number | undefined; maximum: number | undefined; step: number; whole: boolean; optional: boolean }
    | { widget: "switch" }
    | { widget: "select"; choices: Choice[] }
    | { widget: "model"; family: string }
    | { widget: "seed"; minimum: number; maximum: number }
    | { widget: "size"; height: Common; minimum: number; maximum: number; step: number; optional: boolean }
    | { widget: "styles"; choices: Choice[]; limit: number }
    | { widget: "image" }
    | { widget: "mask" }
    | { widget: "folder" }
    | { widget: "json" }
  );

export interface Bounds {
  minimum: number | undefined;
  maximum: number | undefined;
  step: number;
}

export type Widget = Field["widget"];
export type FieldOf<W extends Widget> = Extract<Field, { widget: W }>;

const MAX_SEED = 4294967295;

/** The fields of a form, in the order of `x-order`, else of the schema. A `size` field speaks for `height` too. */
export function fields(schema: JsonObject): Field[] {
  const properties = object(schema["properties"]);
  const width = Object.keys(properties).find((name) => name !== "height" && object(properties[name])["x-widget"] === "size");
  const paired = width !== undefined && "height" in properties;
  return order(schema, properties).flatMap((name) => {
    if (paired && name === "height") return [];
    const spec = object(properties[name]);
    return [paired && name === width ? sizeField(name, spec, object(properties["height"])) : field(name, spec)];
  });
}

/** The names in the order of `x-order`; JSON objects on the way here are sorted. What it leaves out follows. */
function order(schema: JsonObject, properties: JsonObject): string[] {
  const named = Array.isArray(schema["x-order"]) ? schema["x-order"].map(text) : [];
  return [...new Set([...named, ...Object.keys(properties)])].filter((name) => name in properties);
}

function field(name: string, spec: JsonObject): Field {
  const common = commonPart(name, spec);
  switch (spec["x-widget"]) {
    case "prompt":
      return { ...common, widget: "prompt" };
    case "text":
      return { ...common, widget: "text" };
    case "colour":
      return { ...common, widget: "colour" };
    case "model":
      return { ...common, widget: "model", family: text(spec["x-model-family"]) };
    case "seed":
      return { ...common, widget: "seed", minimum: number(spec["minimum"]) ?? 0, maximum: number(spec["maximum"]) ?? MAX_SEED };
    case "styles":
      return { ...common, widget: "styles", choices: choices(object(spec["items"]), spec), limit: number(spec["maxItems"]) ?? 4 };
    case "image":
      return { ...common, widget: "image" };
    case "mask":
      return { ...common, widget: "mask" };
    case "folder":
      return { ...common, widget: "folder" };
    default:
      return byType(common, spec);
  }
}

function byType(common: Common, spec: JsonObject): Field {
  if (Array.isArray(spec["enum"])) return { ...common, widget: "select", choices: choices(spec, spec) };
  const types = typesOf(spec);
  if (types.includes("integer") || types.includes("number")) return numberField(common, spec, types.includes("integer"));
  if (types.includes("boolean")) return { ...common, widget: "switch" };
  if (types.includes("string")) return { ...common, widget: "text" };
  return { ...common, widget: "json" };
}

function numberField(common: Common, spec: JsonObject, whole: boolean): Field {
  const step = number(spec["x-step"]) ?? number(spec["multipleOf"]) ?? (whole ? 1 : 0.01);
  return { ...common, widget: "number", minimum: number(spec["minimum"]), maximum: number(spec["maximum"]), step, whole, optional: mayBeNull(spec) };
}

function sizeField(name: string, width: JsonObject, height: JsonObject): Field {
  return {
    ...commonPart(name, width),
    widget: "size",
    height: commonPart("height", height),
    minimum: number(width["minimum"]) ?? 64,
    maximum: number(width["maximum"]) ?? 2048,
    step: number(width["multipleOf"]) ?? number(width["x-step"]) ?? 8,
    optional: mayBeNull(width) && mayBeNull(height),
  };
}

function typesOf(spec: JsonObject): Json[] {
  return [spec["type"] ?? []].flat();
}

function mayBeNull(spec: JsonObject): boolean {
  return typesOf(spec).includes("null");
}

function commonPart(name: string, spec: JsonObject): Common {
  const [other = "", wanted] = text(spec["x-when"]).split("=", 2);
  return {
    name,
    title: text(spec["title"]) || readable(name),
    description: text(spec["description"]),
    default: spec["default"],
    when: wanted === undefined ? undefined : { name: other, value: wanted },
  };
}

/** Whether a field means anything beside what the others are set to. */
export function counts(field: Field, all: readonly Field[], params: JsonObject): boolean {
  const { when } = field;
  const other = when && all.find((candidate) => candidate.name === when.name);
  return !other || asText(valueOf(params, other)) === when.value;
}

/** Choices of `enum`, named by `x-labels`: an object by value, or a list in the same order; grouped by `x-groups` likewise. */
function choices(listed: JsonObject, outer: JsonObject): Choice[] {
  const values = Array.isArray(listed["enum"]) ? listed["enum"] : [];
  const labels = listed["x-labels"] ?? outer["x-labels"];
  const groups = listed["x-groups"] ?? outer["x-groups"];
  return values.map((value, index) => ({
    value,
    label: at(labels, value, index) || readable(asText(value)),
    group: at(groups, value, index),
  }));
}

function at(table: Json | undefined, value: Json, index: number): string {
  if (Array.isArray(table)) return text(table[index]);
  return text(object(table)[asText(value)]);
}

/** The value to show: what the document gives, else the default. */
export function valueOf(params: JsonObject, field: { name: string; default: Json | undefined }): Json {
  const given = params[field.name];
  return given === undefined ? (field.default ?? null) : given;
}

/** Rounds to the step counted from the minimum and keeps within the bounds. */
export function snap(value: number, spec: Bounds): number {
  const origin = spec.minimum ?? 0;
  const snapped = origin + Math.round((value - origin) / spec.step) * spec.step;
  const bounded = Math.min(spec.maximum ?? Infinity, Math.max(spec.minimum ?? -Infinity, snapped));
  return Number(bounded.toFixed(6));
}

/** `clip_skip` as a person writes it: "Clip skip". */
function readable(name: string): string {
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function object(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function number(value: Json | undefined): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
