import assert from "node:assert/strict";
import { test } from "node:test";
import { autosave, restore } from "../src/store/autosave.js";
import { seenIn } from "../src/store/catalog.js";
import { Editor } from "../src/store/editor.js";
import { Store } from "../src/store/state.js";
import { catalog, firstPicture } from "./fixtures.js";

class Shelf {
  text: string | null = null;
  writes = 0;
  room = Infinity;

  getItem(): string | null {
    return this.text;
  }

  setItem(_key: string, value: string): void {
    if (value.length > this.room) throw new DOMException("full", "QuotaExceededError");
    this.text = value;
    this.writes += 1;
  }
}

test("a reload finds the document, its history and the jobs under way", () => {
  const shelf = new Shelf();
  const store = new Store({ document: firstPicture(), catalog });
  const flush = autosave(store, shelf);
  new Editor(store).setParams("prompt", [{ name: "prompt", value: "red apple" }]);
  store.set({ seen: seenIn(catalog), tracked: ["a"], shown: "a", savedName: "Mine" });
  flush();
  const kept = restore(shelf);
  assert.ok(kept);
  assert.deepEqual(kept.document, store.state.document);
  assert.equal(kept.history.past.length, 1);
  assert.deepEqual(kept.tracked, ["a"]);
  assert.equal(kept.shown, "a");
  assert.equal(kept.savedName, "Mine");
  assert.deepEqual(kept.seen, store.state.seen);
});

test("many edits in a moment are one write", async () => {
  const shelf = new Shelf();
  const store = new Store({ document: firstPicture(), catalog });
  autosave(store, shelf);
  const editor = new Editor(store);
  for (let count = 0; count < 50; count += 1) editor.rename(`Name ${count}`);
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(shelf.writes, 1);
  assert.equal(restore(shelf)?.document.name, "Name 49");
});

test("news that are not the person's work are not written", async () => {
  const shelf = new Shelf();
  const store = new Store({ document: firstPicture() });
  autosave(store, shelf);
  store.toast("hello");
  store.set({ seen: seenIn(catalog) });
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(shelf.writes, 0);
});

test("when storage is full the document is kept without its history", () => {
  const shelf = new Shelf();
  const store = new Store({ document: firstPicture(), catalog });
  const flush = autosave(store, shelf);
  const editor = new Editor(store);
  for (let count = 0; count < 40; count += 1) editor.move("prompt", (count % 4) + 1);
  shelf.room = 4000;
  flush();
  const kept = restore(shelf);
  assert.ok(kept);
  assert.deepEqual(kept.document, store.state.document);
  assert.equal(kept.history.past.length, 0);
});

test("what can't be read is as if nothing was kept", () => {
  for (const text of [null, "{", "7", "{}", '{"document":{"bricks":[7]}}']) {
    const shelf = new Shelf();
    shelf.text = text;
    assert.equal(restore(shelf), undefined);
  }
});
