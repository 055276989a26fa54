import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkflowDocument } from "../src/net/types.js";
import { freshId, normalise, openInputs, placeFor, rewire, titles } from "../src/store/document.js";
import { Editor } from "../src/store/editor.js";
import { Store } from "../src/store/state.js";
import { catalog, firstPicture, info } from "./fixtures.js";

test("what is unknown in a document survives an edit, at every level", () => {
  const document = normalise({
    ...firstPicture(),
    future: { kept: true },
    layout: { strip: ["prompt"], zoom: 2 },
    bricks: [{ id: "prompt", brick: "qpyt:prompt", params: {}, note: "mine" }],
    lock: { bricks: {} },
  });
  const store = new Store({ document, catalog });
  new Editor(store).setParams("prompt", [{ name: "prompt", value: "x" }]);
  const edited = store.state.document;
  assert.deepEqual(edited["future"], { kept: true });
  assert.equal(edited.layout?.["zoom"], 2);
  assert.equal(edited.bricks[0]?.["note"], "mine");
  assert.deepEqual(edited["lock"], { bricks: {} });
});

test("bricks stand in strip order, and those the strip forgot come last", () => {
  const document = normalise({
    version: 1,
    name: "",
    bricks: ["a", "b", "c"].map((id) => ({ id, brick: "x:y", params: {} })),
    links: [],
    layout: { strip: ["c", "a"] },
  });
  assert.deepEqual(document.layout?.strip, ["c", "a", "b"]);
});

test("what is no document is refused", () => {
  for (const value of [null, 7, [], {}, { bricks: [1] }, { bricks: [{ id: 1 }] }]) assert.throws(() => normalise(value), TypeError);
});

test("a new brick gets a name that is free", () => {
  assert.equal(freshId(firstPicture(), "qpyt:render"), "render-2");
  assert.equal(freshId(firstPicture(), "acme:2nd-pass"), "nd-pass");
});

test("a new brick stands behind the last of its category", () => {
  const document = firstPicture();
  const places = ["qpyt:prompt", "qpyt:settings", "qpyt:render", "qpyt:image-out"].map((id) => placeFor(document, catalog, info(id)));
  assert.deepEqual(places, [2, 3, 4, 5]);
});

test("links to a brick that is not installed are kept while the rest is wired anew", () => {
  const document: WorkflowDocument = firstPicture();
  const mystery = { id: "mystery", brick: "acme:gone", params: {} };
  const kept = { from: "mystery.text", to: "render.negative" };
  const links = rewire([...document.bricks.slice(0, 3), mystery, ...document.bricks.slice(3)], [kept], catalog);
  assert.ok(links.includes(kept));
  assert.equal(links.filter((link) => link.to === "render.negative").length, 1);
});

test("bricks of one kind are told apart by a number", () => {
  const document = firstPicture();
  const twice = { ...document, bricks: [...document.bricks, { id: "render-2", brick: "qpyt:render", params: {} }] };
  assert.equal(titles(twice, catalog).get("render-2"), "Render 2");
});

test("a required input that nothing feeds is open", () => {
  const document = { ...firstPicture(), links: [] };
  assert.deepEqual(openInputs(document, info("qpyt:render"), "render"), ["prompt"]);
});
