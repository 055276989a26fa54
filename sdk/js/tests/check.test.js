// What the build says of a brick that does not describe itself well.

import assert from "node:assert/strict";
import { test } from "node:test";

import { problems } from "../src/check.js";

const good = {
  id: "me:good",
  label: "Good",
  category: "input",
  doc: "Is good.",
  params: { amount: { type: "number", default: 1, min: 0, max: 2 } },
  inputs: { text: { kind: "text", doc: "A text." } },
  run() {},
};

test("a good brick has no problems", () => {
  assert.deepEqual(problems(good, "0.1.0"), []);
});

test("each problem is named", () => {
  const port = { kind: "text", doc: "A text." };
  for (const [change, hint] of [
    [{ id: "Good" }, "id `Good`"],
    [{ id: "me:good:more" }, "id `me:good:more`"],
    [{ version: "one" }, "version `one`"],
    [{ label: "" }, "label"],
    [{ doc: "" }, "doc"],
    [{ category: "filter" }, "category `filter`"],
    [{ inputs: { text: { kind: "words", doc: "A text." } } }, "kind is `words`"],
    [{ outputs: { text: { kind: "text" } } }, "output `text`: it has no doc"],
    [{ inputs: { "1st": port } }, "input `1st`"],
    [{ inputs: { twoWords: port, two_words: port } }, "two of it"],
    [{ params: { amount: { type: "float" } } }, "type is `float`"],
    [{ params: { amount: { type: "number", default: 3, max: 2 } } }, "default 3 is not allowed"],
    [{ params: { mode: { type: "string", default: "hard", choices: ["soft"] } } }, 'default "hard" is not allowed'],
  ]) {
    const found = problems({ ...good, ...change }, "0.1.0").join("\n");
    assert.ok(found.includes(hint), `${found} does not say ${hint}`);
  }
});

test("a module without a brick is told what to export", () => {
  assert.match(problems(undefined)[0], /defineBrick/);
});
