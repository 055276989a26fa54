import assert from "node:assert/strict";
import { test } from "node:test";
import { steady } from "../src/forms/editing.js";
import { fields } from "../src/forms/schema.js";
import type { JsonObject } from "../src/net/types.js";

const TEXT = { type: "string", "x-widget": "prompt" };

function form(properties: JsonObject): ReturnType<typeof fields> {
  return fields({ properties });
}

function names(list: ReturnType<typeof fields>): string[] {
  return list.map((field) => field.name);
}

const before = form({ prompt: TEXT, negative: { type: "string" }, steps: { type: "integer", default: 25 } });

test("a form that nobody edits is that of the schema", () => {
  const now = form({ steps: { type: "integer" }, prompt: TEXT });
  assert.deepEqual(steady(now, before, undefined, {}), { fields: now, gone: new Set() });
  assert.deepEqual(names(steady(now, [], "prompt", {}).fields), ["steps", "prompt"]);
});

test("while a field is edited none is moved: new ones come last, gone ones go", () => {
  const now = form({ seed: { type: "integer" }, steps: { type: "integer" }, prompt: TEXT });
  assert.deepEqual(names(steady(now, before, "prompt", {}).fields), ["prompt", "steps", "seed"]);
});

test("the edited field takes its new words and bounds, and keeps its widget", () => {
  const now = form({ prompt: { ...TEXT, title: "Your wish" }, negative: { type: "string" }, steps: { type: "integer", maximum: 9 } });
  const shown = steady(now, before, "prompt", {}).fields;
  assert.deepEqual(shown.map((field) => field.title), ["Your wish", "Negative", "Steps"]);
  const other = form({ prompt: { enum: ["a", "b"] } });
  assert.equal(steady(other, before, "prompt", {}).fields[0]?.widget, "prompt");
  assert.equal(steady(other, before, "negative", {}).fields[0]?.widget, "select");
});

test("an edited field that vanished stays at its place and says so", () => {
  const { fields: shown, gone } = steady(form({ prompt: TEXT, text: TEXT }), before, "negative", { negative: "blur" });
  assert.deepEqual([names(shown), [...gone]], [["prompt", "negative", "text"], ["negative"]]);
});

test("a new default does not replace what is being typed over the old one", () => {
  const now = form({ steps: { type: "integer", default: 30 } });
  assert.equal(steady(now, before, "steps", {}).fields[0]?.default, 25);
  assert.equal(steady(now, before, "steps", { steps: 7 }).fields[0]?.default, 30);
  assert.equal(steady(now, before, "prompt", {}).fields.find((field) => field.name === "steps")?.default, 30);
});

test("a size that is edited keeps both its defaults, and its height is no field of its own", () => {
  const size = (side: number): JsonObject => ({ width: { type: "integer", "x-widget": "size", default: side }, height: { type: "integer", default: side } });
  const [kept] = steady(form(size(64)), form(size(512)), "width", {}).fields;
  assert.ok(kept?.widget === "size");
  assert.deepEqual([kept.default, kept.height.default], [512, 512]);
  const apart = form({ width: { type: "integer" }, height: { type: "integer" } });
  assert.deepEqual(names(steady(apart, form(size(64)), "width", {}).fields), ["width"]);
});
