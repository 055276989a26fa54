import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrickInfo, JsonObject, Refusal, WorkflowDocument } from "../src/net/types.js";
import { condition, troubled } from "../src/store/brick-condition.js";
import { leftovers, marks } from "../src/store/marks.js";
import { INITIAL, type State, Store } from "../src/store/state.js";
import { alike, watch } from "../src/store/watch.js";
import { catalog, firstPicture, info, job, withBrick } from "./fixtures.js";

const NEW = { version: "0.1.1", digest: "blake3:new" };
const OLD = { version: "0.1.0", digest: "blake3:Prompt" };

function state(change: Partial<BrickInfo>, more: Partial<State> = {}): State {
  return { ...INITIAL, document: firstPicture(), catalog: withBrick("qpyt:prompt", change), catalogLoaded: true, ...more };
}

function madeWith(digest: string, document = firstPicture()): Partial<State> {
  const made: WorkflowDocument = { ...document, lock: { bricks: { "qpyt:prompt@^0.1": { version: "0.1.0", digest } } } };
  const done = job("a", { state: "succeeded", document: made, bricks: { prompt: { state: "done" } } });
  return { shown: "a", jobs: { a: done } };
}

function texts(current: State): string[] {
  return marks(current, "prompt").map((mark) => mark.text);
}

test("a brick with nothing to say has no marks, and neither has one that is not installed", () => {
  assert.deepEqual(marks(state({}), "prompt"), []);
  assert.deepEqual(marks({ ...state({}), catalog: new Map() }, "prompt"), []);
  assert.deepEqual(marks(state({}), "gone"), []);
});

test("outputs are stale once another binary serves than the one that made them", () => {
  assert.deepEqual(texts(state({}, madeWith(OLD.digest))), []);
  assert.deepEqual(texts(state(NEW, madeWith(OLD.digest))), ["Outputs stale: made by 0.1.0, now 0.1.1"]);
  assert.deepEqual(texts(state({ digest: "blake3:new" }, madeWith(OLD.digest))), ["Outputs stale: made by another build of 0.1.0"]);
});

test("outputs that are still being made, or of another kind of brick, are not stale", () => {
  const running = madeWith(OLD.digest);
  const jobs = { a: { ...running.jobs!["a"]!, bricks: { prompt: { state: "running" as const } } } };
  assert.deepEqual(texts(state(NEW, { ...running, jobs })), []);
  const other = firstPicture();
  const bricks = other.bricks.map((brick) => (brick.id === "prompt" ? { ...brick, brick: "qpyt:styles" } : brick));
  assert.deepEqual(texts(state(NEW, madeWith(OLD.digest, { ...other, bricks }))), []);
});

test("a document held to an older version says so, and its outputs from that version are not stale", () => {
  const versions = [
    { ...NEW, loaded_at: "", serving: true, selected: false, quarantined: false, running: 0 },
    { ...OLD, loaded_at: "", serving: false, selected: false, quarantined: false, running: 0 },
  ];
  const document = { ...firstPicture(), lock: { bricks: { "qpyt:prompt@^0.1": OLD } } };
  const held = state({ ...NEW, versions }, { ...madeWith(OLD.digest), document });
  assert.deepEqual(texts(held), ["Held at 0.1.0, as last run. 0.1.1 is installed."]);
  assert.deepEqual(texts(state({ ...NEW, versions }, madeWith(OLD.digest))), ["Outputs stale: made by 0.1.0, now 0.1.1"]);
});

test("a version that the document does not accept is offered", () => {
  const [mark] = marks(state({ version: "0.2.0" }), "prompt");
  assert.deepEqual([mark?.kind, mark?.text, mark?.action], ["too-new", "This workflow asks for ^0.1; installed is 0.2.0.", "Use 0.2.0"]);
});

test("a refused version shows the first line of its reason, and only a failed trial can be used anyway", () => {
  const refusal: Refusal = { path: "", message: "expected `;`\n --> lib.rs:3", place_id: "qpyt:prompt", kind: "build", bricks: ["qpyt:prompt"], since: "", can_use_anyway: false, serving: true };
  const [built] = marks(state({}, { refused: [refusal] }), "prompt");
  assert.deepEqual([built?.more, built?.action], ["expected `;`", "Details"]);
  const [tried] = marks(state({}, { refused: [{ ...refusal, kind: "canary", can_use_anyway: true }] }), "prompt");
  assert.equal(tried?.action, "Use anyway");
  assert.deepEqual(marks(state({}, { refused: [refusal] }), "render"), []);
});

test("a quarantined brick comes first and can be tried again", () => {
  const [first] = marks(state({ ...NEW, health: "quarantined", health_reason: "It trapped." }, madeWith(OLD.digest)), "prompt");
  assert.deepEqual([first?.kind, first?.tone, first?.more, first?.action], ["quarantined", "error", "It trapped.", "Try again"]);
});

test("wishes are marked until they are put before the person", () => {
  const asks = [{ import: "qpyt:store/http", kind: "host" as const, scope: "a.example.org:443", granted: false }];
  assert.deepEqual(texts(state({ asks })), ["Asks for a permission"]);
  assert.deepEqual(texts(state({ asks }, { asking: ["qpyt:prompt"] })), []);
  assert.deepEqual(texts(state({ asks: asks.map((ask) => ({ ...ask, granted: true })) })), []);
});

test("settings that the version in use does not know are named once the server complains of them", () => {
  const document = firstPicture();
  const params: JsonObject = { text: "a", gone: "b" };
  const bricks = document.bricks.map((brick) => (brick.id === "prompt" ? { ...brick, params } : brick));
  const schema = { params_schema: { properties: { text: {} } } };
  const problems = [{ code: "bad-param", brick: "prompt", name: "gone", message: "`gone` is not a parameter of this brick" }];
  const current = state(schema, { document: { ...document, bricks }, problems });
  assert.deepEqual(leftovers(current, { ...info("qpyt:prompt"), ...schema }, bricks[0]!), ["gone"]);
  assert.deepEqual(marks(current, "prompt").map((mark) => mark.more), ["gone"]);
  assert.deepEqual(marks({ ...current, problems: [] }, "prompt"), []);
});

test("marks are alike as long as they say the same, so that nothing is drawn anew", () => {
  const current = state(NEW, madeWith(OLD.digest));
  assert.ok(alike(marks(current, "prompt"), marks({ ...current, announcement: "x" }, "prompt")));
  const store = new Store(current);
  let draws = 0;
  watch(store, (now) => marks(now, "prompt"), () => (draws += 1));
  store.toast("hello");
  assert.equal(draws, 0);
});

test("the condition of a brick is the gravest thing there is to say", () => {
  const asks = [{ import: "qpyt:store/http", kind: "host" as const, scope: "a:443", granted: false }];
  const refused = [{ place_id: "qpyt:prompt" }] as Refusal[];
  const brick = (change: Partial<BrickInfo>): BrickInfo => ({ ...info("qpyt:prompt"), ...change });
  assert.equal(condition(brick({}), []), "good");
  assert.equal(condition(brick({ asks }), []), "asks");
  assert.equal(condition(brick({ asks }), refused), "refused");
  assert.equal(condition(brick({ health: "quarantined" }), refused), "stopped");
  assert.equal(troubled({ ...INITIAL, catalog, refused }), 1);
  assert.equal(troubled(state({ health: "quarantined" }, { refused })), 1);
});
