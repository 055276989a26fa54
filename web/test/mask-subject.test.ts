import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrickInfo, Job, JsonObject, Port, PortKind } from "../src/net/types.js";
import { catalogOf } from "../src/store/catalog.js";
import { rewire, withStrip } from "../src/store/document.js";
import { Editor } from "../src/store/editor.js";
import { painterFor } from "../src/store/mask-painter.js";
import { subjectOf } from "../src/store/mask-subject.js";
import { INITIAL, type State, Store } from "../src/store/state.js";
import { info, infos, job } from "./fixtures.js";

function port(name: string, kind: PortKind, required = false): Port {
  return { name, kind, label: name, required, many: false, doc: "" };
}

function like(id: string, inputs: Port[], outputs: Port[], properties: JsonObject = {}): BrickInfo {
  return { ...info("qpyt:prompt"), id, inputs, outputs, params_schema: { type: "object", properties } };
}

const catalog = catalogOf([
  ...infos,
  like("qpyt:image-input", [], [port("image", "image")], { image: { type: "string", default: "", "x-widget": "image" } }),
  like("qpyt:mask", [port("image", "image")], [port("mask", "mask")], { mask: { type: "string", default: "", "x-widget": "mask" } }),
  like("qpyt:inpaint", [port("image", "image", true), port("mask", "mask", true)], [port("image", "image")]),
]);

/** A strip of bricks, wired by the rules, with what jobs made. */
function strip(kinds: string[], jobs: Job[] = [], params: JsonObject = {}): State {
  const bricks = kinds.map((name) => ({ id: name, brick: `qpyt:${name}`, params: name === "image-input" ? params : {} }));
  const document = withStrip({ version: 1, name: "Masks", bricks, links: rewire(bricks, [], catalog) });
  const [shown, shownBefore] = jobs;
  return { ...INITIAL, catalog, document, jobs: Object.fromEntries(jobs.map((one) => [one.id, one])), shown: shown?.id, shownBefore: shownBefore?.id };
}

function made(id: string, brick: string, digest: string): Job {
  return job(id, { bricks: { [brick]: { state: "done", outputs: { image: [{ kind: "image", digest, width: 8, height: 8 }] } } } });
}

test("a chosen picture is known before anything was run, and newer than what was", () => {
  assert.equal(subjectOf(strip(["image-input", "mask"], [], { image: "blake3:chosen" }), "mask"), "blake3:chosen");
  assert.equal(subjectOf(strip(["image-input", "mask"], [made("a", "image-input", "blake3:before")], { image: "blake3:chosen" }), "mask"), "blake3:chosen");
  assert.equal(subjectOf(strip(["image-input", "mask"]), "mask"), undefined);
});

test("a painted picture is that of the run shown, or of the one before while it is not there yet", () => {
  const running = job("b", { state: "running" });
  assert.equal(subjectOf(strip(["render", "mask"], [made("a", "render", "blake3:made")]), "mask"), "blake3:made");
  assert.equal(subjectOf(strip(["render", "mask"], [running, made("a", "render", "blake3:made")]), "mask"), "blake3:made");
  assert.equal(subjectOf(strip(["render", "mask"], [running]), "mask"), undefined);
});

test("a mask without a picture of its own is for that of the brick that takes it", () => {
  const state = strip(["mask", "render", "inpaint"], [made("a", "render", "blake3:made")]);
  assert.ok(!state.document.links.some(({ to }) => to === "mask.image"));
  assert.equal(subjectOf(state, "mask"), "blake3:made");
});

test("a brick that is not there or alone has no picture", () => {
  assert.equal(subjectOf(strip(["mask"]), "mask"), undefined);
  assert.equal(subjectOf(strip(["mask"]), "gone"), undefined);
});

test("a brick that lacks its mask is offered the one that paints it, and gets it right before itself", () => {
  const store = new Store(strip(["render", "inpaint"], [made("a", "render", "blake3:made")]));
  const painter = painterFor(store.state, "inpaint");
  assert.deepEqual([painter?.info.id, painter?.param], ["qpyt:mask", "mask"]);
  const id = new Editor(store).add(painter!.info, "inpaint");
  assert.deepEqual(store.state.document.bricks.map((brick) => brick.id), ["render", "mask", "inpaint"]);
  assert.ok(store.state.document.links.some(({ from, to }) => from === "mask.mask" && to === "inpaint.mask"));
  assert.equal(subjectOf(store.state, id), "blake3:made");
  assert.equal(painterFor(store.state, "inpaint"), undefined, "it has one now");
  assert.equal(painterFor(store.state, "render"), undefined);
});
