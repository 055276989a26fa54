import assert from "node:assert/strict";
import { test } from "node:test";
import { progressText } from "../src/i18n/progress.js";
import type { Job, JobEvent, JsonObject } from "../src/net/types.js";
import { afterEvent, afterPreview, afterProgress, merged, overallFraction } from "../src/store/jobs.js";
import { card } from "../src/store/selectors.js";
import { INITIAL, type State } from "../src/store/state.js";
import { catalog, firstPicture, job } from "./fixtures.js";

function event(seq: number, kind: string, data: JsonObject = {}): JobEvent {
  return { seq, job: "a", kind, at: "2026-01-01T00:00:05Z", data };
}

function shown(one: Job): State {
  return { ...INITIAL, catalog, document: firstPicture(), jobs: { [one.id]: one }, shown: one.id };
}

test("events take a job from queued to succeeded", () => {
  const events = [
    event(2, "started"),
    event(3, "brick-started", { brick: "prompt" }),
    event(4, "brick-finished", { brick: "prompt", cached: true, outputs: { prompt: [{ kind: "text", value: "x" }] } }),
    event(5, "result", { result: { id: "r1", brick: "output" } }),
    event(6, "succeeded"),
  ];
  const done = events.reduce(afterEvent, job("a"));
  assert.equal(done.state, "succeeded");
  assert.equal(done.bricks["prompt"]?.state, "cached");
  assert.equal(done.results.length, 1);
  assert.equal(done.finished_at, "2026-01-01T00:00:05Z");
  assert.equal(done.last_seq, 6);
});

test("an event that is known already changes nothing", () => {
  const known = job("a", { last_seq: 9 });
  assert.equal(afterEvent(known, event(9, "failed")), known);
});

test("a result that comes twice is there once", () => {
  const result = { result: { id: "r1" } };
  const twice = afterEvent(afterEvent(job("a"), event(2, "result", result)), event(3, "result", result));
  assert.equal(twice.results.length, 1);
});

test("progress touches only the brick it names", () => {
  const before = job("a", { state: "running" });
  const after = afterProgress(before, { job: "a", brick: "render", fraction: 0.48, step: 12, steps: 25 });
  assert.equal(after.bricks["render"]?.step, 12);
  for (const id of ["prompt", "styles", "settings", "output"]) assert.equal(after.bricks[id], before.bricks[id]);
});

test("what a run notes of its result shows at once and stays when it is done or failed", () => {
  const notes = ["The prompt is too long."];
  const running = afterProgress(job("a", { state: "running" }), { job: "a", brick: "render", fraction: 0, notes });
  const further = afterProgress(running, { job: "a", brick: "render", fraction: 0.5, step: 1, steps: 2 });
  assert.deepEqual(card(shown(further), "render")?.notes, notes);
  const failed = afterEvent(further, event(2, "brick-failed", { brick: "render" }));
  assert.deepEqual(card(shown(failed), "render")?.notes, notes);
  const done = afterEvent(further, event(2, "brick-finished", { brick: "render", notes, outputs: {} }));
  assert.deepEqual(card(shown(done), "render")?.notes, notes);
  assert.deepEqual(card(shown(done), "prompt")?.notes, []);
});

test("how far a brick is tells its step and what it is at", () => {
  assert.equal(progressText({ state: "running", step: 3, steps: 8, note: "Tile 2 of 6" }), "Tile 2 of 6 · 3 / 8");
  assert.equal(progressText({ state: "running", step: 3, steps: 8, note: "" }), "3 / 8");
  assert.equal(progressText({ state: "running", note: "loading" }), "loading");
  assert.equal(progressText({ state: "running", fraction: 0.25 }), "25 %");
});

test("a text that a model writes stays until more of it comes", () => {
  const first = afterProgress(job("a", { state: "running" }), { job: "a", brick: "translate", fraction: 0, text: "A red" });
  const between = afterProgress(first, { job: "a", brick: "translate", fraction: 0.5 });
  assert.equal(between.bricks["translate"]?.text, "A red");
  const more = afterProgress(between, { job: "a", brick: "translate", fraction: 0.5, text: "A red fox." });
  assert.equal(more.bricks["translate"]?.text, "A red fox.");
});

test("late progress and previews do not wake a finished job or brick", () => {
  const done = job("a", { state: "cancelled" });
  assert.equal(afterProgress(done, { job: "a", brick: "render", fraction: 1 }), done);
  assert.equal(afterPreview(done, { job: "a", brick: "render", step: 1, steps: 2, image: "" }), done);
});

test("a failure names the brick and keeps the reason", () => {
  const failed = [
    event(2, "started"),
    event(3, "brick-started", { brick: "render" }),
    event(4, "brick-failed", { brick: "render", error: { code: "x", message: "y" } }),
    event(5, "failed", { error: { code: "x", message: "y", brick: "render" } }),
  ].reduce(afterEvent, job("a"));
  assert.equal(failed.bricks["render"]?.state, "failed");
  assert.equal(failed.error?.brick, "render");
});

test("an interrupted job that is queued again is not finished", () => {
  const again = [event(2, "started"), event(3, "interrupted"), event(4, "queued")].reduce(afterEvent, job("a"));
  assert.equal(again.state, "queued");
  assert.equal(again.finished_at, undefined);
});

test("an older answer of the server does not undo newer events", () => {
  const known = job("a", { state: "running", last_seq: 8 });
  assert.equal(merged(known, job("a", { last_seq: 3 })), known);
});

test("an answer without a document keeps the one that is known", () => {
  const document = { version: 1, name: "", bricks: [], links: [] };
  assert.equal(merged(job("a", { document }), job("a", { last_seq: 4 })).document, document);
});

test("the document of a job that is not over is not taken, as its lock is not written yet", () => {
  const document = { version: 1, name: "", bricks: [], links: [] };
  const early = merged(undefined, job("a", { document }));
  assert.equal(early.document, undefined);
  const locked = { ...document, lock: { bricks: {} } };
  assert.equal(merged(early, job("a", { state: "succeeded", last_seq: 4, document: locked })).document, locked);
});

test("the whole of a job counts finished bricks and the part of the running one", () => {
  const half = job("a", { bricks: { a: { state: "done" }, b: { state: "running", fraction: 0.5 }, c: { state: "pending" }, d: { state: "pending" } } });
  assert.equal(overallFraction(half), 0.375);
});
