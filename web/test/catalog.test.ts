import assert from "node:assert/strict";
import { test } from "node:test";
import type { Lock, Version } from "../src/net/types.js";
import { catalogOf, changes, infoFor, lockKey, newest, pinnedTo, unlocked } from "../src/store/catalog.js";
import { catalog, info, infos, withBrick } from "./fixtures.js";

const prompt = { id: "prompt", brick: "qpyt:prompt", requires: "^0.1", params: {} };

function version(digest: string, serving: boolean, number = "0.1.0"): Version {
  return { digest, version: number, loaded_at: "", serving, selected: false, quarantined: false, running: 0 };
}

test("what did not change between two lists stays the very same object", () => {
  const again = catalogOf(structuredClone(infos), catalog);
  for (const { id } of infos) assert.equal(newest(again, id), newest(catalog, id));
  const busy = structuredClone(infos).map((brick) => ({ ...brick, metrics: { ...brick.metrics, runs: 1 } }));
  const counted = newest(catalogOf(busy, catalog), "qpyt:prompt");
  assert.notEqual(counted, info("qpyt:prompt"));
  assert.equal(counted?.params_schema, info("qpyt:prompt").params_schema, "the form is not drawn anew");
});

test("of versions side by side an instance shows the newest that fits, or the one its document is locked to", () => {
  const old = { ...info("qpyt:prompt"), version: "0.1.4", digest: "blake3:old", place_id: "old" };
  const fix = { ...info("qpyt:prompt"), version: "0.1.5", digest: "blake3:fix", place_id: "fix" };
  const next = { ...info("qpyt:prompt"), version: "0.2.0", digest: "blake3:next", place_id: "next" };
  const both = catalogOf([next, old, fix]);
  assert.equal(newest(both, "qpyt:prompt")?.version, "0.2.0");
  assert.equal(infoFor(both, undefined, prompt)?.version, "0.1.5");
  assert.equal(infoFor(both, undefined, { ...prompt, requires: "^0.2" })?.version, "0.2.0");
  const lock: Lock = { bricks: { "qpyt:prompt@^0.1": { version: "0.1.4", digest: "blake3:old" } } };
  assert.equal(infoFor(both, lock, prompt)?.version, "0.1.4");
  assert.equal(infoFor(both, undefined, { ...prompt, requires: "^9" })?.version, "0.2.0", "a form is better than none");
  assert.equal(infoFor(both, undefined, { ...prompt, brick: "acme:gone" }), undefined);
});

test("the lock names a requirement as the server writes it", () => {
  assert.equal(lockKey({ ...prompt, requires: "0.1" }), "qpyt:prompt@^0.1");
  assert.equal(lockKey({ id: "prompt", brick: "qpyt:prompt", params: {} }), "qpyt:prompt@*");
});

test("a document is held to an older version only while that is kept and fits", () => {
  const now = { ...info("qpyt:prompt"), digest: "blake3:new", versions: [version("blake3:new", true), version("blake3:old", false), version("blake3:far", false, "0.3.0")] };
  const lockedTo = (digest: string): Lock => ({ bricks: { "qpyt:prompt@^0.1": { version: "0.1.0", digest } } });
  assert.equal(pinnedTo(now, lockedTo("blake3:old"), prompt)?.digest, "blake3:old");
  for (const digest of ["blake3:new", "blake3:forgotten", "blake3:far"]) assert.equal(pinnedTo(now, lockedTo(digest), prompt), undefined);
  assert.equal(pinnedTo(now, undefined, prompt), undefined);
});

test("taking entries out of a lock leaves the rest, and nothing when there is no rest", () => {
  const entry = { version: "0.1.0", digest: "blake3:00" };
  assert.deepEqual(unlocked({ bricks: { a: entry, b: entry } }, ["a"]), { bricks: { b: entry } });
  assert.deepEqual(unlocked({ bricks: { a: entry }, models: { sd: "x" } }, ["a"]), { models: { sd: "x" } });
  assert.equal(unlocked({ bricks: { a: entry } }, ["a"]), null);
  assert.equal(unlocked({ bricks: { a: entry } }, ["b"]), undefined);
  assert.equal(unlocked(undefined, ["a"]), undefined);
});

test("two lists differ in what was added, swapped and taken away", () => {
  const swapped = withBrick("qpyt:prompt", { version: "0.2.0", digest: "blake3:new", migrates: true });
  assert.deepEqual(changes(catalog, swapped), [
    { kind: "swapped", id: "qpyt:prompt", label: "Prompt", version: "0.2.0", digest: "blake3:new", migrates: true, from: { version: "0.1.0", digest: "blake3:Prompt" } },
  ]);
  const without = catalogOf(infos.filter((brick) => brick.id !== "qpyt:render"));
  assert.deepEqual(changes(catalog, without).map(({ kind, id }) => [kind, id]), [["removed", "qpyt:render"]]);
  assert.deepEqual(changes(without, catalog).map(({ kind, id }) => [kind, id]), [["added", "qpyt:render"]]);
  const busy = withBrick("qpyt:prompt", { metrics: { ...info("qpyt:prompt").metrics, runs: 9 } });
  assert.deepEqual(changes(catalog, busy), []);
});
