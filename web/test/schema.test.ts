import assert from "node:assert/strict";
import { test } from "node:test";
import { matching } from "../src/forms/qp-field-styles.js";
import { type Field, counts, fields, snap, valueOf } from "../src/forms/schema.js";
import type { JsonObject } from "../src/net/types.js";
import { within } from "../src/store/powers.js";

function only(property: JsonObject): Field {
  const [field] = fields({ type: "object", properties: { it: property } });
  assert.ok(field);
  return field;
}

test("each type has its widget, and an unknown x-widget falls back to it", () => {
  const widgets: [JsonObject, string][] = [
    [{ type: "string" }, "text"],
    [{ type: "string", "x-widget": "prompt" }, "prompt"],
    [{ type: "string", "x-widget": "hologram" }, "text"],
    [{ type: "integer" }, "number"],
    [{ type: "number", "x-widget": "hologram" }, "number"],
    [{ type: "boolean" }, "switch"],
    [{ enum: ["a", "b"] }, "select"],
    [{ type: "string", "x-widget": "model" }, "model"],
    [{ type: ["integer", "null"], "x-widget": "seed" }, "seed"],
    [{ type: "array", "x-widget": "styles", items: { enum: ["a"] } }, "styles"],
    [{ type: "string", "x-widget": "image" }, "image"],
    [{ type: "string", "x-widget": "mask" }, "mask"],
    [{ type: "string", "x-widget": "folder" }, "folder"],
    [{ type: "object" }, "json"],
    [{}, "json"],
  ];
  for (const [property, widget] of widgets) assert.equal(only(property).widget, widget, JSON.stringify(property));
});

test("a size speaks for width and height", () => {
  const list = fields({ properties: { width: { type: "integer", "x-widget": "size", minimum: 64, maximum: 2048 }, height: { type: "integer", default: 640 }, steps: { type: "integer" } } });
  assert.deepEqual(
    list.map((field) => [field.name, field.widget]),
    [
      ["width", "size"],
      ["steps", "number"],
    ],
  );
});

test("a number may be left empty where null is allowed, a size where it is for both sides", () => {
  const [open, set] = [{ type: ["integer", "null"], default: null }, { type: "integer" }];
  const optional = (field: Field | undefined): boolean => (field?.widget === "number" || field?.widget === "size") && field.optional;
  assert.deepEqual([open, set].map((property) => optional(only(property))), [true, false]);
  const size = (width: JsonObject, height: JsonObject): Field | undefined => fields({ properties: { width: { ...width, "x-widget": "size" }, height } })[0];
  assert.deepEqual([size(open, open), size(open, set), size(set, set)].map(optional), [true, false, false]);
});

test("a null of the document is not replaced by the default", () => {
  assert.equal(valueOf({ it: null }, only({ type: ["integer", "null"], default: 25 })), null);
});

test("the form has the order that the schema asks for, with what it forgot at the end", () => {
  const schema = { properties: { a: {}, height: {}, b: {}, width: { "x-widget": "size" } }, "x-order": ["width", "height", "b", "gone"] };
  assert.deepEqual(
    fields(schema).map((field) => field.name),
    ["width", "b", "a"],
  );
});

test("labels of choices come by value or in order, and a group likewise", () => {
  const byValue = only({ enum: ["a", 2], "x-labels": { a: "First", "2": "Second" }, "x-groups": { a: "Early" } });
  const inOrder = only({ enum: ["a", 2], "x-labels": ["First", "Second"] });
  assert.ok(byValue.widget === "select" && inOrder.widget === "select");
  assert.deepEqual(
    byValue.choices.map((choice) => [choice.label, choice.group]),
    [
      ["First", "Early"],
      ["Second", ""],
    ],
  );
  assert.deepEqual(
    inOrder.choices.map((choice) => choice.label),
    ["First", "Second"],
  );
});

test("a field without a title is named after its parameter", () => {
  const [field] = fields({ properties: { clip_skip: { type: "integer" } } });
  assert.equal(field?.title, "Clip skip");
});

test("a value is the document's, else the default", () => {
  const field = only({ type: "integer", default: 25 });
  assert.equal(valueOf({ it: 3 }, field), 3);
  assert.equal(valueOf({}, field), 25);
  assert.equal(valueOf({}, only({ type: ["integer", "null"], default: null, "x-widget": "seed" })), null);
});

test("numbers snap to the step and stay in bounds", () => {
  const spec = { minimum: 64, maximum: 2048, step: 8 };
  assert.equal(snap(515, spec), 512);
  assert.equal(snap(9000, spec), 2048);
  assert.equal(snap(1, spec), 64);
  assert.equal(snap(7.04, { minimum: 0, maximum: 30, step: 0.1 }), 7);
  assert.equal(snap(0.3, { minimum: undefined, maximum: undefined, step: 0.1 }), 0.3);
});

test("a schema that is no object gives an empty form", () => {
  assert.deepEqual(fields({}), []);
  assert.deepEqual(fields({ properties: 7 }), []);
});

test("styles are found by all words, in name or group", () => {
  const choices = [
    { value: "a", label: "Oil on canvas", group: "Painting" },
    { value: "b", label: "Watercolour", group: "Painting" },
  ];
  assert.deepEqual(
    matching(choices, "paint oil").map((choice) => choice.value),
    ["a"],
  );
  assert.equal(matching(choices, "").length, 2);
});

test("a folder lies within what was allowed, and a namesake beside it does not", () => {
  assert.ok(within("/home/me/pictures/2026", "/home/me/pictures/"));
  assert.ok(within("/home/me/pictures", "/home/me/pictures"));
  assert.ok(!within("/home/me/pictures-2", "/home/me/pictures"));
});

test("a field that is tied to another counts while that has the value", () => {
  const all = fields({
    properties: {
      place: { enum: ["studio", "server"], default: "studio" },
      server: { type: "string", "x-when": "place=server" },
      role: { type: "string" },
    },
    "x-order": ["place", "server", "role"],
  });
  const shown = (params: JsonObject) => all.filter((field) => counts(field, all, params)).map((field) => field.name);
  assert.deepEqual(shown({}), ["place", "role"]);
  assert.deepEqual(shown({ place: "server" }), ["place", "server", "role"]);
});
