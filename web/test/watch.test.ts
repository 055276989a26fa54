import assert from "node:assert/strict";
import { test } from "node:test";
import { afterPreview, afterProgress } from "../src/store/jobs.js";
import { card } from "../src/store/selectors.js";
import { Store } from "../src/store/state.js";
import { alike, watch } from "../src/store/watch.js";
import { catalog, firstPicture, job } from "./fixtures.js";

/** A strip of cards that count how often each would be drawn. */
function cards(store: Store): Map<string, number> {
  const draws = new Map<string, number>();
  for (const { id } of store.state.document.bricks) {
    watch(
      store,
      (state) => card(state, id),
      () => draws.set(id, (draws.get(id) ?? 0) + 1),
    );
  }
  return draws;
}

function running(): Store {
  const store = new Store({ document: firstPicture(), catalog, catalogLoaded: true, shown: "a" });
  store.putJob(job("a", { state: "running", bricks: { ...job("a").bricks, render: { state: "running", fraction: 0 } } }));
  return store;
}

test("a progress event draws the card it names, once, and no other", () => {
  const store = running();
  const draws = cards(store);
  store.putJob(afterProgress(store.state.jobs["a"]!, { job: "a", brick: "render", fraction: 0.48, step: 12, steps: 25 }));
  assert.deepEqual([...draws], [["render", 1]]);
});

test("a preview draws the card it names, once, and no other", () => {
  const store = running();
  const draws = cards(store);
  store.putJob(afterPreview(store.state.jobs["a"]!, { job: "a", brick: "render", step: 1, steps: 2, image: "data:," }));
  assert.deepEqual([...draws], [["render", 1]]);
});

test("progress of a job that is not shown draws nothing", () => {
  const store = running();
  store.putJob(job("b", { state: "running" }));
  const draws = cards(store);
  store.putJob(afterProgress(store.state.jobs["b"]!, { job: "b", brick: "render", fraction: 0.5 }));
  assert.equal(draws.size, 0);
});

test("typing into one brick draws that card only", () => {
  const store = running();
  const draws = cards(store);
  const { document } = store.state;
  const bricks = document.bricks.map((brick) => (brick.id === "prompt" ? { ...brick, params: { prompt: "x" } } : brick));
  store.set({ document: { ...document, bricks } });
  assert.deepEqual([...draws], [["prompt", 1]]);
});

test("at a thousand bricks a progress event still draws one card", () => {
  const many = Array.from({ length: 1000 }, (_, index) => ({ id: `render-${index}`, brick: "qpyt:render", params: {} }));
  const store = new Store({ document: { ...firstPicture(), bricks: many, links: [] }, catalog, catalogLoaded: true, shown: "a" });
  store.putJob(job("a", { state: "running", bricks: { "render-7": { state: "running" } } }));
  const draws = cards(store);
  store.putJob(afterProgress(store.state.jobs["a"]!, { job: "a", brick: "render-7", fraction: 0.5 }));
  assert.deepEqual([...draws], [["render-7", 1]]);
});

test("alike compares the members of lists and objects", () => {
  assert.ok(alike({ a: [1, 2] }, { a: [1, 2] }));
  assert.ok(!alike({ a: [1, 2] }, { a: [1, 3] }));
  assert.ok(!alike([1], { 0: 1 }));
  assert.ok(!alike({ a: undefined }, { b: undefined }));
});
