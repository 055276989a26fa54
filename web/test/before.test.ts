import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrickRun, Job } from "../src/net/types.js";
import { beforeOf } from "../src/store/before.js";
import { withStrip } from "../src/store/document.js";
import { INITIAL, type State } from "../src/store/state.js";
import { catalog, job } from "./fixtures.js";

const images = (...digests: string[]): BrickRun => ({ state: "done", outputs: { image: digests.map((digest) => ({ kind: "image", digest, width: 8, height: 8 })) } });

/** A picture that is painted, painted over, and kept. */
function state(bricks: Record<string, BrickRun>, change: Partial<Job> = {}): State {
  const kinds = [["first", "qpyt:render"], ["second", "qpyt:render"], ["output", "qpyt:image-out"]] as const;
  const links = [{ from: "first.image", to: "second.image" }, { from: "second.image", to: "output.image" }];
  const document = withStrip({ version: 1, name: "", bricks: kinds.map(([id, brick]) => ({ id, brick, params: {} })), links });
  return { ...INITIAL, catalog, document, jobs: { a: job("a", { state: "succeeded", bricks, ...change }) }, shown: "a" };
}

test("a picture is compared with the one it was made from, each with its own", () => {
  const made = state({ first: images("a", "b"), second: images("c", "d") });
  assert.deepEqual(beforeOf(made, "second", ["c", "d"]), ["a", "b"]);
  assert.deepEqual(beforeOf(made, "first", ["a", "b"]), []);
});

test("one picture that became several is before each of them, and where that is unclear none is", () => {
  assert.deepEqual(beforeOf(state({ first: images("a"), second: images("c", "d") }), "second", ["c", "d"]), ["a", "a"]);
  assert.deepEqual(beforeOf(state({ first: images("a", "b"), second: images("c") }), "second", ["c"]), []);
});

test("what hands pictures on is passed over", () => {
  const made = state({ first: images("a"), second: images("c"), output: images("c") });
  assert.deepEqual(beforeOf(made, "output", ["c"]), ["a"]);
});

test("nothing is compared while a run lasts, nor without one", () => {
  const bricks = { first: images("a"), second: images("c") };
  assert.deepEqual(beforeOf(state(bricks, { state: "running" }), "second", ["c"]), []);
  assert.deepEqual(beforeOf({ ...state(bricks), shown: undefined }, "second", ["c"]), []);
});
