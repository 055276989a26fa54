import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrickInfo, BricksEvent, Refusal } from "../src/net/types.js";
import { Bricks, shownRefusals } from "../src/store/bricks.js";
import { type Change, seenIn } from "../src/store/catalog.js";
import { Store } from "../src/store/state.js";
import { catalog, firstPicture, infos } from "./fixtures.js";
import { Refusing, serving } from "./server.js";

function refusal(change: Partial<Refusal> = {}): Refusal {
  return { path: "/bricks/prompt", message: "no", place_id: "qpyt:prompt", kind: "build", bricks: ["qpyt:prompt"], since: "2026-01-01T00:00:00Z",
    can_use_anyway: false, serving: true, ...change };
}

function event(kind: BricksEvent["kind"], place = "qpyt:prompt"): BricksEvent {
  return { revision: 1, kind, place_id: place, bricks: [], versions: {} };
}

function page(bricks: BrickInfo[], more: Record<string, unknown> = {}) {
  const list = { revision: 1, bricks, refused: [] as Refusal[] };
  const server = serving({ "GET /api/bricks": () => list, ...more });
  const store = new Store({ document: firstPicture(), catalog, catalogLoaded: true, seen: seenIn(catalog) });
  const heard: Change[][] = [];
  return { ...server, list, store, heard, bricks: new Bricks(store, server.client, (changes) => heard.push(changes)) };
}

function replaced(id: string, change: Partial<BrickInfo>): BrickInfo[] {
  return infos.map((info) => (info.id === id ? { ...info, ...change } : info));
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));

test("many events in a moment are one question", async () => {
  const { bricks, asked } = page(infos);
  for (let count = 0; count < 20; count += 1) bricks.heard(event("swapped"));
  await settled();
  assert.deepEqual(asked, ["GET /api/bricks"]);
});

test("what happens while a question is under way is asked once more", async () => {
  const { bricks, asked } = page(infos);
  await Promise.all([bricks.load(), bricks.load(), bricks.load()]);
  assert.equal(asked.length, 2);
});

test("a swap is told with the version, in the document or not", async () => {
  const cases: [Partial<BrickInfo>, string][] = [
    [{ version: "0.2.0", digest: "b" }, "Prompt was updated to 0.2.0"],
    [{ version: "0.0.9", digest: "b" }, "Prompt went back to 0.0.9"],
    [{ digest: "b" }, "Prompt 0.1.0 was replaced by another build"],
  ];
  for (const [change, words] of cases) {
    const { bricks, store, heard } = page(replaced("qpyt:prompt", change));
    await bricks.load();
    assert.deepEqual(store.state.toasts.map((toast) => toast.message), [words]);
    assert.equal(store.state.announcement, words);
    assert.deepEqual(heard.map((swapped) => swapped.map(({ id, from }) => [id, from?.version])), [[["qpyt:prompt", "0.1.0"]]]);
  }
});

test("a brick that goes and comes back is told both times, and that its settings are kept", async () => {
  const { bricks, store, list } = page(infos.slice(1));
  await bricks.load();
  list.bricks = infos;
  await bricks.load();
  assert.deepEqual(store.state.toasts.map((toast) => toast.message), ["Prompt 0.1.0 was taken away. Its settings are kept.", "Prompt 0.1.0 is here again"]);
});

test("a brick that comes back as another one was swapped", async () => {
  const { bricks, heard, list } = page(infos.slice(1));
  await bricks.load();
  list.bricks = replaced("qpyt:prompt", { version: "0.2.0", digest: "b" });
  await bricks.load();
  assert.deepEqual(heard.map((swapped) => swapped.map(({ id, from }) => [id, from?.version])), [[], [["qpyt:prompt", "0.1.0"]]]);
});

test("what was swapped while the page was closed is made good without a word", async () => {
  const { bricks, store, heard } = page(replaced("qpyt:prompt", { version: "0.2.0", digest: "b" }));
  store.set({ catalog: new Map(), catalogLoaded: false });
  await bricks.load();
  assert.deepEqual([heard.map((swapped) => swapped.map(({ id }) => id)), store.state.toasts], [[["qpyt:prompt"]], []]);
  await bricks.load();
  assert.equal(heard.length, 1, "once");
});

test("only bricks of the document are remembered while they are away", async () => {
  const { bricks, store } = page(infos.slice(1));
  store.set({ seen: { ...store.state.seen, "p other:brick": { version: "1.0.0", digest: "c" } } });
  await bricks.load();
  assert.deepEqual(Object.keys(store.state.seen).sort(), Object.keys(seenIn(catalog)).sort());
});

test("the first list and an equal one tell nothing", async () => {
  const { bricks, store, heard } = page(infos);
  await bricks.load();
  store.set({ catalog: new Map(), catalogLoaded: false });
  await bricks.load();
  assert.deepEqual([store.state.toasts, heard], [[], []]);
});

test("many changes at once are told as their number", async () => {
  const { bricks, store } = page(infos.map((info) => ({ ...info, version: "0.2.0", digest: "b" })));
  await bricks.load();
  assert.deepEqual(store.state.toasts.map((toast) => toast.message), ["5 bricks changed"]);
});

test("a refusal is shown when its brick is used, and goes with the next good version", async () => {
  const { bricks, store, list } = page(infos);
  list.refused = [refusal()];
  await bricks.load();
  assert.equal(shownRefusals(store.state).length, 1);
  list.refused = [];
  await bricks.load();
  assert.deepEqual(shownRefusals(store.state), []);
});

test("a place that never worked is no nag, unless it is refused while the page is open", async () => {
  const { bricks, store, list } = page(infos);
  list.refused = [refusal({ place_id: "f00", bricks: [], serving: false, kind: "load" })];
  await bricks.load();
  assert.deepEqual(shownRefusals(store.state), []);
  bricks.heard(event("refused", "f00"));
  await settled();
  assert.equal(shownRefusals(store.state).length, 1);
});

test("a card about a refusal that is put away stays away, until the next refusal", async () => {
  const { bricks, store, list } = page(infos);
  list.refused = [refusal()];
  await bricks.load();
  const [shown] = shownRefusals(store.state);
  assert.ok(shown);
  bricks.dismissRefusal(shown);
  await bricks.load();
  assert.deepEqual(shownRefusals(store.state), []);
  list.refused = [refusal({ since: "2026-01-01T00:00:09Z" })];
  await bricks.load();
  assert.equal(shownRefusals(store.state).length, 1);
});

test("a version that was taken out of use for crashing is told with the reason, until another one comes", () => {
  const { bricks, store } = page(infos);
  bricks.heard({ ...event("rolled-back"), bricks: ["qpyt:prompt"], version: "0.1.0", reason: "It crashed 3 times in a row." });
  assert.deepEqual(store.state.notices.map(({ title, message }) => [title, message]), [["Prompt went back to 0.1.0", "It crashed 3 times in a row."]]);
  bricks.heard(event("refused"));
  bricks.heard(event("swapped", "qpyt:render"));
  assert.equal(store.state.notices.length, 1);
  bricks.heard(event("swapped"));
  assert.deepEqual(store.state.notices, []);
});

test("choosing a version takes the list that answers", async () => {
  const chosen = { revision: 2, bricks: replaced("qpyt:prompt", { version: "0.0.9", digest: "b" }), refused: [] };
  const { bricks, store, bodies, asked } = page(infos, { "POST /api/bricks/places/qpyt%3Aprompt/select": chosen });
  assert.ok(await bricks.select("qpyt:prompt", "b"));
  assert.deepEqual([asked, bodies], [["POST /api/bricks/places/qpyt%3Aprompt/select"], [{ digest: "b" }]]);
  assert.equal(store.state.toasts[0]?.message, "Prompt went back to 0.0.9");
});

test("a choice that is refused says why, and the card goes when another one works", async () => {
  const { bricks, store } = page(infos, {
    "POST /api/bricks/places/p/use-anyway": new Refusing(409, "not-refused", "Nothing was refused there."),
    "POST /api/bricks/places/p/release": { revision: 1, bricks: infos, refused: [] },
  });
  assert.equal(await bricks.useAnyway("p"), false);
  assert.equal(store.state.notices[0]?.message, "Nothing was refused there.");
  assert.ok(await bricks.release("p"));
  assert.deepEqual(store.state.notices, []);
});
