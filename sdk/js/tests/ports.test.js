// Values at ports, as the host gives and takes them, against the objects that an author sees.

import assert from "node:assert/strict";
import { test } from "node:test";

import { give, ports, take } from "../src/ports.js";

const text = (port, val) => ({ port, value: { tag: "text", val } });

test("a definition becomes the ports of the contract", () => {
  const definitions = {
    negativePrompt: { kind: "text", doc: "What to avoid." },
    mask: { kind: "mask", doc: "Where.", optional: true, label: "Area" },
    pictures: { kind: "image", doc: "All of them.", many: true },
    atLeastOne: { kind: "image", doc: "Some.", many: true, required: true },
  };
  assert.deepEqual(ports(definitions), [
    { name: "negative-prompt", kind: "text", label: "Negative prompt", required: true, many: false, doc: "What to avoid." },
    { name: "mask", kind: "mask", label: "Area", required: false, many: false, doc: "Where." },
    { name: "pictures", kind: "image", label: "Pictures", required: false, many: true, doc: "All of them." },
    { name: "at-least-one", kind: "image", label: "At least one", required: true, many: true, doc: "Some." },
  ]);
});

test("inputs come under the names of the definition, in order and of the right kind", () => {
  const definitions = {
    negativePrompt: { kind: "text" },
    info: { kind: "json" },
    prompts: { kind: "text", many: true },
    mask: { kind: "mask", optional: true },
    anything: { kind: "any" },
  };
  const received = [
    text("prompts", "first"),
    text("negative-prompt", "blur"),
    { port: "info", value: { tag: "json", val: '{"steps": 3}' } },
    text("prompts", "second"),
    { port: "anything", value: { tag: "boolean", val: true } },
  ];
  assert.deepEqual(take(definitions, received), {
    negativePrompt: "blur",
    info: { steps: 3 },
    prompts: ["first", "second"],
    mask: undefined,
    anything: { tag: "boolean", val: true },
  });
});

test("inputs that can't be used are named", () => {
  const cases = [
    [{ prompt: { kind: "text" } }, [], /needed/],
    [{ prompt: { kind: "text", many: true, required: true } }, [], /needed/],
    [{ prompt: { kind: "text" } }, [text("prompt", "a"), text("prompt", "b")], /got 2/],
    [{ prompt: { kind: "number" } }, [text("prompt", "a")], /wants a number and got a text/],
    [{ prompt: { kind: "json" } }, [{ port: "prompt", value: { tag: "json", val: "{" } }], /can't be used/],
  ];
  for (const [definitions, received, problem] of cases) {
    assert.throws(() => take(definitions, received), (error) => {
      assert.equal(error.payload.tag, "bad-input");
      assert.equal(error.payload.val.name, "prompt");
      assert.match(error.payload.val.problem, problem);
      return true;
    });
  }
});

test("outputs are given one by one, in the order of the definition", () => {
  const definitions = {
    twoWords: { kind: "text" },
    info: { kind: "json" },
    many: { kind: "number", many: true },
    none: { kind: "text", optional: true },
  };
  assert.deepEqual(give(definitions, { many: [1, 2], info: [null], twoWords: "a" }), [
    text("two-words", "a"),
    { port: "info", value: { tag: "json", val: "[null]" } },
    { port: "many", value: { tag: "number", val: 1 } },
    { port: "many", value: { tag: "number", val: 2 } },
  ]);
});

test("outputs that do not fit are refused with their name", () => {
  const cases = [
    [{}, /gave nothing at its output `text`/],
    [{ text: 3 }, /output `text` wants a text and got number/],
    [{ text: "a", more: "b" }, /gave `more`, which is none/],
    [{ text: "a", list: "b" }, /give it an array/],
    [{ text: "a", json: () => {} }, /can't be written as JSON/],
  ];
  const definitions = {
    text: { kind: "text" },
    list: { kind: "text", many: true },
    json: { kind: "json", optional: true },
  };
  for (const [outputs, problem] of cases) assert.throws(() => give(definitions, outputs), problem);
});

test("a picture that is given twice is handed over as two handles", () => {
  const second = {};
  const picture = { cloneHandle: () => second };
  const given = give({ one: { kind: "image" }, two: { kind: "image" } }, { one: picture, two: picture });
  assert.equal(given[0].value.val, picture);
  assert.equal(given[1].value.val, second);
});
