import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkflowDocument } from "../src/net/types.js";
import { lockKey } from "../src/store/catalog.js";
import { Editor } from "../src/store/editor.js";
import { COALESCE_MS, MAX_STEPS } from "../src/store/history.js";
import { Store } from "../src/store/state.js";
import { catalog, dice, firstPicture, infos } from "./fixtures.js";

function workbench(document = firstPicture()) {
  const store = new Store({ document, catalog, catalogLoaded: true });
  let now = 1_000_000;
  const editor = new Editor(store, () => now);
  const wait = (milliseconds: number): void => void (now += milliseconds);
  return { store, editor, wait };
}

function edit(editor: Editor, document: WorkflowDocument, roll: (below: number) => number): void {
  const brick = document.bricks[roll(Math.max(1, document.bricks.length))];
  const choice = roll(10);
  if (choice === 0 || !brick) return void editor.add(infos[roll(infos.length)] ?? infos[0]!);
  if (choice === 1) return editor.remove(brick.id);
  if (choice === 2) return editor.move(brick.id, roll(document.bricks.length));
  if (choice === 3) return editor.collapse(brick.id, roll(2) === 0);
  if (choice === 4) return editor.rename(`Name ${roll(5)}`);
  if (choice === 5) return editor.replace({ ...firstPicture(), name: `Other ${roll(100)}` });
  if (choice === 6) return editor.patch({ lock: roll(2) === 0 ? null : { bricks: { [lockKey(brick)]: { version: "0.1.0", digest: `${roll(9)}` } } } });
  if (choice === 7) return editor.unlock(brick);
  if (choice === 8) return editor.patch({ bricks: [{ ...brick, requires: `^0.${roll(3)}` }] });
  editor.setParams(brick.id, [{ name: `p${roll(3)}`, ...(roll(4) === 0 ? {} : { value: roll(100) }) }]);
}

test("undoing everything and redoing everything gives the same documents again", () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const roll = dice(seed);
    const { store, editor, wait } = workbench();
    const first = store.state.document;
    for (let count = 0; count < 60; count += 1) {
      edit(editor, store.state.document, roll);
      wait(roll(2 * COALESCE_MS));
    }
    const last = store.state.document;
    const steps = store.state.history.past.length;
    const seen: WorkflowDocument[] = [];
    for (let count = 0; count < steps; count += 1) {
      seen.unshift(store.state.document);
      editor.undo();
    }
    assert.deepEqual(store.state.document, first, `seed ${seed}: undo`);
    for (const expected of seen) {
      editor.redo();
      assert.deepEqual(store.state.document, expected, `seed ${seed}: redo`);
    }
    assert.deepEqual(store.state.document, last);
    assert.equal(store.state.history.future.length, 0);
  }
});

test("commands survive being written down and read back", () => {
  const roll = dice(7);
  const { store, editor, wait } = workbench();
  for (let count = 0; count < 40; count += 1) {
    edit(editor, store.state.document, roll);
    wait(COALESCE_MS + 1);
  }
  const first = firstPicture();
  const restored = new Store(JSON.parse(JSON.stringify({ document: store.state.document, history: store.state.history })) as object);
  const again = new Editor(restored);
  while (restored.state.history.past.length > 0) again.undo();
  assert.deepEqual(restored.state.document, first);
});

test("typing into one field is one step, and a pause begins the next", () => {
  const { store, editor, wait } = workbench();
  for (const text of ["a", "ap", "app", "appl", "apple"]) {
    editor.setParams("prompt", [{ name: "prompt", value: text }]);
    wait(120);
  }
  assert.equal(store.state.history.past.length, 1);
  wait(COALESCE_MS + 1);
  editor.setParams("prompt", [{ name: "prompt", value: "apples" }]);
  assert.equal(store.state.history.past.length, 2);
  editor.undo();
  assert.equal(store.state.document.bricks[0]?.params["prompt"], "apple");
  editor.undo();
  assert.equal(store.state.document.bricks[0].params["prompt"], undefined);
});

test("typing into two fields in turn is a step each", () => {
  const { store, editor } = workbench();
  editor.setParams("prompt", [{ name: "prompt", value: "a" }]);
  editor.setParams("prompt", [{ name: "negative", value: "b" }]);
  assert.equal(store.state.history.past.length, 2);
});

test("an edit that changes nothing is no step", () => {
  const { store, editor } = workbench();
  editor.collapse("settings", true);
  editor.rename("First picture");
  editor.move("prompt", 0);
  editor.setParams("prompt", [{ name: "prompt" }]);
  assert.equal(store.state.history.past.length, 0);
});

test("an edit after undo forgets what could have been redone", () => {
  const { store, editor } = workbench();
  editor.rename("One");
  editor.undo();
  editor.rename("Two");
  assert.equal(store.state.history.future.length, 0);
  editor.redo();
  assert.equal(store.state.document.name, "Two");
});

test("the history is bounded", () => {
  const { store, editor, wait } = workbench();
  for (let count = 0; count < MAX_STEPS + 20; count += 1) {
    editor.rename(`Name ${count}`);
    wait(COALESCE_MS + 1);
  }
  assert.equal(store.state.history.past.length, MAX_STEPS);
});

test("removing a brick rewires its neighbours in the same step", () => {
  const { store, editor } = workbench();
  const before = store.state.document.links;
  editor.remove("styles");
  assert.ok(store.state.document.links.some((link) => link.from === "prompt.prompt" && link.to === "render.prompt"));
  assert.equal(store.state.history.past.length, 1);
  editor.undo();
  assert.deepEqual(store.state.document.links, before);
});
