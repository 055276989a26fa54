// The JSON Schema that draws a brick's form.

import assert from "node:assert/strict";
import { test } from "node:test";

import { paramsSchema, withDefaults } from "../src/schema.js";

test("a parameter becomes a property with everything that the form needs", () => {
  const schema = paramsSchema({
    clipSkip: { type: "integer", default: 1, min: 0, max: 4, step: 2, doc: "Layers to skip.", "x-unit": "layers" },
  });
  assert.deepEqual(schema, {
    type: "object",
    properties: {
      clipSkip: {
        type: "integer",
        title: "Clip skip",
        description: "Layers to skip.",
        default: 1,
        minimum: 0,
        maximum: 4,
        "x-step": 2,
        "x-unit": "layers",
      },
    },
    "x-order": ["clipSkip"],
  });
});

test("choices are written as values side by side with their labels and groups", () => {
  const choices = ["plain", ["soft", "Soft"], { value: "oil", label: "Oil", group: "Paint" }];
  const { one, many } = paramsSchema({
    one: { type: "string", choices },
    many: { type: "array", choices },
  }).properties;
  const offered = {
    type: "string",
    enum: ["plain", "soft", "oil"],
    "x-labels": ["plain", "Soft", "Oil"],
    "x-groups": ["", "", "Paint"],
  };
  assert.deepEqual(one, { ...offered, title: "One", default: "plain" });
  assert.deepEqual(many, { type: "array", items: offered, title: "Many", default: [] });
});

test("an optional parameter may be null and is null when nothing was chosen", () => {
  const { seed } = paramsSchema({ seed: { type: "integer", optional: true, widget: "seed" } }).properties;
  assert.deepEqual(seed, { type: ["integer", "null"], title: "Seed", default: null, "x-widget": "seed" });
});

test("only multiples of a number are allowed, and an arrow key goes as far", () => {
  const { width } = paramsSchema({ width: { type: "integer", multipleOf: 8 } }).properties;
  assert.equal(width.multipleOf, 8);
  assert.equal(width["x-step"], 8);
});

test("the order of the form is kept", () => {
  const schema = paramsSchema({ zebra: { type: "string" }, ant: { type: "boolean" } });
  assert.deepEqual(schema["x-order"], ["zebra", "ant"]);
});

test("parameters that were not given have their defaults", () => {
  const params = {
    text: { type: "string" },
    amount: { type: "number", default: 0.5 },
    on: { type: "boolean" },
    list: { type: "array" },
    seed: { type: "integer", optional: true },
  };
  const values = withDefaults(params, '{"amount": 2}');
  assert.deepEqual(values, { text: "", amount: 2, on: false, list: [], seed: null });
});

test("parameters that are no object are refused", () => {
  for (const text of ["[]", "null", "3", "{"]) {
    assert.throws(() => withDefaults({}, text), /not a JSON object/, text);
  }
});
