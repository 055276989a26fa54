import assert from "node:assert/strict";
import { test } from "node:test";
import { Bricks } from "../src/store/bricks.js";
import { Inspector } from "../src/store/inspection.js";
import { Store } from "../src/store/state.js";
import { catalog, firstPicture, infos } from "./fixtures.js";
import { serving } from "./server.js";

function page() {
  const lines = [{ at: "", level: "info", message: "hello", digest: "blake3:00" }];
  const server = serving({
    "GET /api/bricks": { revision: 1, bricks: infos, refused: [] },
    "GET /api/grants": { grants: [] },
    "GET /api/secrets": { secrets: [] },
    "GET /api/network": { offline: true, forced: true },
    "GET /api/bricks/log?brick=qpyt%3Aprompt&limit=300": { lines },
    "GET /api/audit?brick=qpyt%3Aprompt&limit=100": { calls: [] },
  });
  const store = new Store({ document: firstPicture(), catalog, catalogLoaded: true });
  return { ...server, store, lines, inspector: new Inspector(store, server.client, new Bricks(store, server.client, () => undefined)) };
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

test("nothing is asked while the page is closed", async () => {
  const { inspector, asked } = page();
  inspector.show({ kind: "brick", id: "qpyt:prompt", place: "" });
  await settled();
  assert.deepEqual(asked, []);
});

test("while the page is open its brick is looked at again and again, until it is closed", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const turn = async (): Promise<void> => {
    for (let count = 0; count < 20; count += 1) await new Promise(setImmediate);
  };
  const { inspector, asked, store } = page();
  inspector.show({ kind: "brick", id: "qpyt:prompt", place: "" });
  inspector.follow();
  inspector.follow();
  await turn();
  const once = asked.length;
  assert.equal(once, 6);
  assert.deepEqual([store.state.inspection?.log.length, store.state.network], [1, { offline: true, forced: true }]);
  context.mock.timers.tick(2000);
  await turn();
  assert.equal(asked.length, 2 * once);
  inspector.stop();
  context.mock.timers.tick(10_000);
  await turn();
  assert.equal(asked.length, 2 * once);
});

test("an answer about a brick that is no longer shown is dropped, and an equal one draws nothing", async () => {
  const { inspector, store } = page();
  inspector.show({ kind: "brick", id: "qpyt:prompt", place: "" });
  inspector.follow();
  inspector.show({ kind: "secrets" });
  await settled();
  assert.equal(store.state.inspection, undefined);
  inspector.show({ kind: "brick", id: "qpyt:prompt", place: "" });
  await settled();
  const first = store.state.inspection;
  assert.ok(first);
  inspector.stop();
  inspector.follow();
  await settled();
  assert.equal(store.state.inspection, first);
  inspector.stop();
});
