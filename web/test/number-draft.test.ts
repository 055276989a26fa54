import assert from "node:assert/strict";
import { test } from "node:test";
import { NumberDraft } from "../src/forms/number-draft.js";

test("every number counts at once and as it stands, allowed or not", () => {
  const draft = new NumberDraft();
  assert.equal(draft.typed("1000000", 64), 1000000);
  assert.equal(draft.shown(1000000), "1000000");
  draft.settled();
  assert.equal(draft.shown(1000000), "1000000");
  assert.equal(draft.typed("70", 64), 70);
});

test("a number on its way to another is not rewritten while it is typed", () => {
  const draft = new NumberDraft();
  assert.equal(draft.typed("3.0", 7), 3);
  assert.equal(draft.shown(3), "3.0");
  draft.settled();
  assert.equal(draft.shown(3), "3");
});

test("what is no number stays as typed, changes nothing and is gone at the end", () => {
  const draft = new NumberDraft();
  for (const text of ["", "-", "1e999"]) {
    assert.equal(draft.typed(text, 64), undefined, text);
    assert.equal(draft.shown(64), text);
  }
  draft.settled();
  assert.equal(draft.shown(64), "64");
});

test("what was being typed gives way when the value changes elsewhere, by undo for one", () => {
  const draft = new NumberDraft();
  draft.typed("512", 64);
  assert.equal(draft.shown(128), "128");
});

test("an emptied box of an optional number means none, unless what stands there can't be read", () => {
  const draft = new NumberDraft();
  assert.equal(draft.typed("", 64, { optional: true }), null);
  assert.equal(draft.shown(null), "");
  assert.equal(draft.typed("", null, { optional: true }), undefined);
  assert.equal(draft.typed("", 64, { optional: true, readable: false }), undefined);
});

test("no value shows as an empty box", () => assert.equal(new NumberDraft().shown(null), ""));
