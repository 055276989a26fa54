import assert from "node:assert/strict";
import { test } from "node:test";
import { NumberDraft } from "../src/forms/number-draft.js";

const SIDES = { minimum: 64, maximum: 2048, step: 8 };

test("a number counts as soon as it is allowed", () => {
  const draft = new NumberDraft();
  assert.equal(draft.typed("5", 64, SIDES), undefined);
  assert.equal(draft.shown(64), "5");
  assert.equal(draft.typed("51", 64, SIDES), undefined);
  assert.equal(draft.typed("512", 64, SIDES), 512);
  assert.equal(draft.shown(512), "512");
});

test("a number on its way to another is not rewritten while it is typed", () => {
  const draft = new NumberDraft();
  assert.equal(draft.typed("3.0", 7, { minimum: 0, maximum: 30, step: 0.1 }), 3);
  assert.equal(draft.shown(3), "3.0");
});

test("what was being typed gives way when the value changes elsewhere, by undo for one", () => {
  const draft = new NumberDraft();
  draft.typed("5", 64, SIDES);
  assert.equal(draft.shown(128), "128");
});

test("at the end of typing the nearest number allowed is taken, and nothing from no number", () => {
  const draft = new NumberDraft();
  assert.equal(draft.settled("515", SIDES), 512);
  assert.equal(draft.settled("9", SIDES), 64);
  assert.equal(draft.settled("", SIDES), undefined);
  assert.equal(draft.settled("-", SIDES), undefined);
});

test("no value shows as an empty box", () => assert.equal(new NumberDraft().shown(null), ""));
