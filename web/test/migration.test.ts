import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrickInfo, WorkflowDocument } from "../src/net/types.js";
import { type Catalog, changes, newest } from "../src/store/catalog.js";
import { Editor } from "../src/store/editor.js";
import { marks } from "../src/store/marks.js";
import { Migration, merge } from "../src/store/migration.js";
import { Store } from "../src/store/state.js";
import { catalog, firstPicture, info, withBrick } from "./fixtures.js";
import { Refusing, serving } from "./server.js";

const OLD = { version: "0.1.0", digest: "blake3:Prompt" };
const LOCK = { bricks: { "qpyt:prompt@^0.1": OLD, "qpyt:render@^0.1": { version: "0.1.0", digest: "blake3:Render" } } };

function withPrompt(params: Record<string, string>, more: Partial<WorkflowDocument> = {}): WorkflowDocument {
  const document = firstPicture();
  return { ...document, ...more, bricks: document.bricks.map((brick) => (brick.id === "prompt" ? { ...brick, params } : brick)) };
}

/** Renames `prompt` to `text`, as a new version of the brick asks for. */
function renaming({ document }: { document: WorkflowDocument }) {
  const bricks = document.bricks.map((brick) => {
    const { prompt, ...rest } = brick.params;
    return brick.id === "prompt" && prompt !== undefined ? { ...brick, params: { ...rest, text: prompt } } : brick;
  });
  return { document: { ...document, bricks }, notes: ["`prompt` is called `text` now"] };
}

function page(document: WorkflowDocument, change: Partial<BrickInfo>, answer: unknown = renaming) {
  const server = serving({ "POST /api/workflows/migrate": answer });
  const after = withBrick("qpyt:prompt", { version: "0.1.1", digest: "blake3:new", ...change });
  const store = new Store({ document, catalog: after, catalogLoaded: true });
  const editor = new Editor(store);
  const migration = new Migration(store, server.client, editor);
  const swap = (before: Catalog = catalog): Promise<void> => migration.afterSwap(changes(before, after), before);
  return { ...server, store, editor, migration, swap };
}

test("a swap lets the new code be used, as one step that can be undone", async () => {
  const { store, editor, swap, asked } = page(withPrompt({ prompt: "a" }, { lock: LOCK }), {});
  await swap();
  assert.deepEqual(Object.keys(store.state.document.lock?.bricks ?? {}), ["qpyt:render@^0.1"]);
  assert.equal(store.state.history.past.length, 1);
  assert.deepEqual(asked, [], "a brick that carries nothing over is not asked");
  editor.undo();
  assert.deepEqual(store.state.document.lock, LOCK);
});

test("a swap that changes nothing in the document is no step", async () => {
  const { store, swap } = page(withPrompt({ prompt: "a" }), {});
  const before = store.state.document;
  await swap();
  assert.equal(store.state.document, before);
  assert.equal(store.state.history.past.length, 0);
});

test("parameters are carried over with the lock in one step, and the notes are told", async () => {
  const { store, editor, swap, bodies } = page(withPrompt({ prompt: "a fox" }, { lock: LOCK }), { migrates: true });
  await swap();
  assert.deepEqual(store.state.document.bricks[0]?.params, { text: "a fox" });
  assert.deepEqual(Object.keys(store.state.document.lock?.bricks ?? {}), ["qpyt:render@^0.1"]);
  assert.deepEqual(store.state.notices[0]?.details, ["`prompt` is called `text` now"]);
  const [sent] = bodies as [{ document: WorkflowDocument }];
  assert.deepEqual(sent.document.lock, LOCK);
  editor.undo();
  assert.deepEqual(store.state.document.bricks[0].params, { prompt: "a fox" });
});

test("a document without a lock is sent as last run with the version before", async () => {
  const { swap, bodies, store } = page(withPrompt({ prompt: "a" }), { migrates: true });
  await swap();
  const [sent] = bodies as [{ document: WorkflowDocument }];
  assert.deepEqual(sent.document.lock?.bricks, { "qpyt:prompt@^0.1": OLD });
  assert.equal(store.state.document.lock, undefined);
});

test("what is typed while the server carries parameters over is not lost", async () => {
  const typed = ["a fo", "a fox"];
  const { store, editor, swap, bodies } = page(withPrompt({ prompt: "a f", negative: "blur" }), { migrates: true }, (body: { document: WorkflowDocument }) => {
    const value = typed.shift();
    if (value !== undefined) editor.setParams("prompt", [{ name: "prompt", value }]);
    return renaming(body);
  });
  await swap();
  assert.deepEqual(store.state.document.bricks[0]?.params, { text: "a fox", negative: "blur" });
  assert.equal(bodies.length, 3);
});

test("typing without a pause ends the asking, and what is typed stands", async () => {
  let count = 0;
  const { store, editor, swap, bodies } = page(withPrompt({ prompt: "" }), { migrates: true }, (body: { document: WorkflowDocument }) => {
    count += 1;
    editor.setParams("prompt", [{ name: "prompt", value: "x".repeat(count) }]);
    return renaming(body);
  });
  await swap();
  assert.equal(bodies.length, 4);
  assert.equal(store.state.document.bricks[0]?.params["prompt"], "xxxx");
});

test("changes elsewhere in the document meanwhile stay", async () => {
  const { store, editor, swap } = page(withPrompt({ prompt: "a" }), { migrates: true }, (body: { document: WorkflowDocument }) => {
    editor.setParams("settings", [{ name: "steps", value: 9 }]);
    return renaming(body);
  });
  await swap();
  assert.deepEqual(store.state.document.bricks.find((brick) => brick.id === "settings")?.params, { steps: 9 });
  assert.deepEqual(store.state.document.bricks[0]?.params, { text: "a" });
});

test("a server that can't carry parameters over is told, and the new code is used all the same", async () => {
  const { store, swap } = page(withPrompt({ prompt: "a" }, { lock: LOCK }), { migrates: true }, new Refusing(500, "internal", "It broke."));
  await swap();
  assert.deepEqual([store.state.notices[0]?.tone, store.state.notices[0]?.message], ["warning", "It broke."]);
  assert.deepEqual(store.state.document.bricks[0]?.params, { prompt: "a" });
  assert.deepEqual(Object.keys(store.state.document.lock?.bricks ?? {}), ["qpyt:render@^0.1"]);
});

test("a swap with other ports wires the strip anew", async () => {
  const outputs = info("qpyt:prompt").outputs.filter((port) => port.name !== "negative");
  const { store, swap } = page(firstPicture(), { outputs });
  assert.ok(store.state.document.links.some((link) => link.from === "prompt.negative"));
  await swap();
  assert.ok(!store.state.document.links.some((link) => link.from === "prompt.negative"));
  assert.ok(store.state.document.links.some((link) => link.from === "prompt.prompt"));
});

test("where the new version is not one that the document accepts, the version before goes on until it is", async () => {
  const { store, editor, swap, asked, migration } = page(withPrompt({ prompt: "a" }), { version: "0.2.0", migrates: true }, (body: { document: WorkflowDocument }) =>
    body.document.bricks[0]?.requires === "^0.2" ? renaming(body) : { document: body.document, notes: [] },
  );
  await swap();
  assert.deepEqual(store.state.document.lock, { bricks: { "qpyt:prompt@^0.1": OLD } });
  assert.deepEqual(store.state.document.bricks[0]?.params, { prompt: "a" });
  const kept = [
    { version: "0.2.0", digest: "blake3:new", loaded_at: "", serving: true, selected: false, quarantined: false, running: 0 },
    { ...OLD, loaded_at: "", serving: false, selected: false, quarantined: false, running: 0 },
  ];
  store.set({ catalog: withBrick("qpyt:prompt", { versions: kept }, store.state.catalog) });
  const [mark] = marks(store.state, "prompt");
  assert.deepEqual([mark?.text, mark?.action], ["Goes on with 0.1.0: 0.2.0 is beyond the ^0.1 of this workflow.", "Use 0.2.0"]);

  await migration.accept("prompt", newest(store.state.catalog, "qpyt:prompt")!);
  const [prompt] = store.state.document.bricks;
  assert.deepEqual([prompt.requires, prompt.params, store.state.document.lock], ["^0.2", { text: "a" }, undefined]);
  assert.deepEqual(marks(store.state, "prompt"), []);
  assert.equal(asked.length, 2);
  editor.undo();
  assert.equal(store.state.document.bricks[0].requires, "^0.1");
});

test("a brick that carries parameters over may raise what the document accepts", async () => {
  const raising = (body: { document: WorkflowDocument }) => {
    const { document, notes } = renaming(body);
    return { notes, document: { ...document, bricks: document.bricks.map((brick) => (brick.id === "prompt" ? { ...brick, requires: "^0.2" } : brick)) } };
  };
  const { store, swap } = page(withPrompt({ prompt: "a" }, { lock: LOCK }), { version: "0.2.0", migrates: true }, raising);
  await swap();
  const [prompt] = store.state.document.bricks;
  assert.deepEqual([prompt?.requires, prompt?.params, store.state.history.past.length], ["^0.2", { text: "a" }, 1]);
  assert.deepEqual(Object.keys(store.state.document.lock?.bricks ?? {}), ["qpyt:render@^0.1"]);
});

test("a document of a job runs on its own versions again while those are kept", async () => {
  const document = withPrompt({ prompt: "a" }, { lock: { bricks: { "qpyt:prompt@^0.1": OLD } } });
  const kept = { ...OLD, loaded_at: "", serving: false, selected: false, quarantined: false, running: 0 };
  const still = page(firstPicture(), { migrates: true, versions: [kept] });
  const only = { ...document, bricks: document.bricks.slice(0, 1) };
  assert.equal(await still.migration.again(only), only);
  const gone = page(firstPicture(), { migrates: true, versions: [] });
  assert.deepEqual((await gone.migration.again(only)).bricks[0]?.params, { text: "a" });
});

test("a brick that the document does not use changes nothing in it", async () => {
  const document = firstPicture();
  const { store, swap, asked } = page({ ...document, bricks: document.bricks.slice(1), links: [] }, { migrates: true });
  await swap();
  assert.deepEqual([store.state.history.past.length, asked], [0, []]);
});

test("a document that is opened is carried over only where a brick can do it", async () => {
  const plain = page(firstPicture(), {});
  assert.equal((await plain.migration.opened(plain.store.state.document)), plain.store.state.document);
  assert.deepEqual(plain.asked, []);
  const able = page(firstPicture(), { migrates: true });
  const opened = await able.migration.opened(withPrompt({ prompt: "a" }, { lock: LOCK }));
  assert.deepEqual(opened.bricks[0]?.params, { text: "a" });
  assert.equal(able.store.state.notices.length, 1);
});

test("merging makes the server's changes and keeps the person's", () => {
  assert.deepEqual(merge({ a: 1, b: 1 }, { a: 2, b: 1 }, { a: 1, b: 5 }), { params: { a: 2, b: 5 }, clash: false });
  assert.deepEqual(merge({ a: 1 }, { a: 2 }, { a: 3 }), { params: { a: 3 }, clash: true });
  assert.deepEqual(merge({ a: 1 }, {}, { a: 1, c: 1 }), { params: { c: 1 }, clash: false });
});
