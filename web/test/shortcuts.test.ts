import assert from "node:assert/strict";
import { test } from "node:test";
import { type KeyEvent, actionOf } from "../src/app/shortcuts.js";
import { dropIndex } from "../src/view-strip/drag.js";

function key(name: string, held: Partial<KeyEvent> = {}): KeyEvent {
  return { key: name, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held };
}

test("keys with Ctrl act while typing, plain letters do not", () => {
  assert.equal(actionOf(key("Enter", { ctrlKey: true }), true), "generate");
  assert.equal(actionOf(key("Enter", { ctrlKey: true, altKey: true }), true), "stop");
  assert.equal(actionOf(key("a"), true), undefined);
  assert.equal(actionOf(key("a"), false), "add");
  assert.equal(actionOf(key("?", { shiftKey: true }), false), "help");
});

test("undo and redo have their usual keys, on a Mac too", () => {
  assert.equal(actionOf(key("z", { ctrlKey: true }), true), "undo");
  assert.equal(actionOf(key("Z", { metaKey: true, shiftKey: true }), true), "redo");
  assert.equal(actionOf(key("y", { ctrlKey: true }), true), "redo");
  assert.equal(actionOf(key("a", { ctrlKey: true }), false), undefined);
});

test("a dropped card goes behind the cards whose middle it passed", () => {
  const spans = [0, 100, 200, 300].map((start) => ({ start, end: start + 90 }));
  assert.equal(dropIndex(spans, 0, 10), 0);
  assert.equal(dropIndex(spans, 0, 160), 1);
  assert.equal(dropIndex(spans, 0, 999), 3);
  assert.equal(dropIndex(spans, 3, -5), 0);
  assert.equal(dropIndex(spans, 2, 240), 2);
});
