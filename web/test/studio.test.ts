import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../src/net/client.js";
import { isRefused } from "../src/store/selectors.js";
import { Studio } from "../src/store/studio.js";
import { catalog, firstPicture, job } from "./fixtures.js";

const PROBLEMS = [{ code: "bad-param", brick: "settings", name: "width", message: "`width` must be at most 2048, not 1000000" }];

/** A server that finds the same fault in every document. */
function refusing(path: string): Response {
  if (path === "/api/check") return new Response(JSON.stringify({ problems: PROBLEMS }), { status: 200 });
  return new Response(JSON.stringify({ error: { code: "invalid", message: "No.", problems: PROBLEMS } }), { status: 400 });
}

test("a refusal keeps its words while the document is the one refused, also after the check has answered", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const asked: string[] = [];
  const client = new Client((input) => {
    asked.push(input as string);
    return Promise.resolve(refusing(input as string));
  });
  const studio = new Studio(client, { getItem: () => null, setItem: () => undefined });
  const checked = async (): Promise<void> => {
    context.mock.timers.tick(1000);
    await new Promise(setImmediate);
  };
  studio.store.set({ document: firstPicture(), catalog, catalogLoaded: true });
  await studio.runs.submit();
  assert.ok(isRefused(studio.store.state));
  await checked();
  assert.deepEqual(asked, ["/api/jobs", "/api/check"]);
  assert.ok(isRefused(studio.store.state));
  studio.editor.setParams("settings", [{ name: "width", value: 64 }]);
  await checked();
  assert.ok(!isRefused(studio.store.state));
  assert.deepEqual(studio.store.state.problems, PROBLEMS);
});

test("what the outputs shown were made with is asked once, when their job has ended", async () => {
  const asked: string[] = [];
  const made = job("a", { state: "succeeded", last_seq: 9, document: firstPicture() });
  const client = new Client((input) => {
    asked.push(input as string);
    return Promise.resolve(new Response(JSON.stringify(made), { status: 200 }));
  });
  const studio = new Studio(client, { getItem: () => null, setItem: () => undefined });
  studio.store.putJob(job("a", { state: "running", last_seq: 8 }));
  studio.runs.show("a");
  assert.deepEqual(asked, []);
  studio.store.putJob(job("a", { state: "succeeded", last_seq: 9 }));
  studio.store.toast("hello");
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(asked, ["/api/jobs/a"]);
  assert.deepEqual(studio.store.state.jobs["a"]?.document, firstPicture());
});

test("a document that was seen while its job ran is asked for again at the end, when its lock is written", async () => {
  const locked = { ...firstPicture(), lock: { bricks: {} } };
  let answer = job("a", { state: "running", last_seq: 8, document: firstPicture() });
  const client = new Client(() => Promise.resolve(new Response(JSON.stringify(answer), { status: 200 })));
  const studio = new Studio(client, { getItem: () => null, setItem: () => undefined });
  assert.deepEqual((await studio.runs.whole("a"))?.document, firstPicture());
  studio.runs.show("a");
  answer = job("a", { state: "succeeded", last_seq: 9, document: locked });
  studio.store.putJob({ ...studio.store.state.jobs["a"]!, state: "succeeded", last_seq: 9 });
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(studio.store.state.jobs["a"]?.document, locked);
});
