import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, Client } from "../src/net/client.js";
import { EventConnection, type EventHandlers } from "../src/net/events.js";
import type { Job } from "../src/net/types.js";
import { Runs } from "../src/store/runs.js";
import { isRefused, runUnderWay, stoppable } from "../src/store/selectors.js";
import { Store } from "../src/store/state.js";
import { catalog, firstPicture, job, noNews } from "./fixtures.js";

/** A server of jobs behind `fetch`. */
function server(jobs: Map<string, Job>) {
  const asked: string[] = [];
  /** Jobs beyond the first page of the list. */
  const unlisted = new Set<string>();
  let away = false;
  let held: (() => void)[] | undefined;
  const answer = (status: number, body: unknown): Response => new Response(JSON.stringify(body), { status });
  const fetcher = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const given = await answerTo(input, init);
    if (held) await new Promise<void>((resolve) => held?.push(resolve));
    return given;
  };
  const answerTo = (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const path = input as string;
    const method = init?.method ?? "GET";
    asked.push(`${method} ${path}`);
    if (away) return Promise.reject(new TypeError("fetch failed"));
    if (method === "POST" && path === "/api/jobs") {
      const { id } = JSON.parse(init?.body as string) as { id: string };
      jobs.set(id, job(id, { last_seq: 10 }));
      return Promise.resolve(answer(202, jobs.get(id)));
    }
    if (path.startsWith("/api/jobs?")) return Promise.resolve(answer(200, { jobs: [...jobs.values()].filter(({ id }) => !unlisted.has(id)) }));
    const known = jobs.get(path.split("/")[3] ?? "");
    return Promise.resolve(known ? answer(200, known) : answer(404, { error: { code: "unknown-job", message: "No such job." } }));
  };
  const hold = (): void => void (held = []);
  const letGo = async (): Promise<void> => {
    const waiting = held ?? [];
    held = undefined;
    for (const give of waiting) give();
    await settled();
  };
  return { client: new Client(fetcher), jobs, unlisted, asked, goAway: () => (away = true), comeBack: () => (away = false), hold, letGo };
}

interface Kept {
  tracked?: string[];
  shown?: string;
}

async function page(jobs: Job[], kept: Kept = {}, prepare: (back: ReturnType<typeof server>) => void = () => undefined) {
  const back = server(new Map(jobs.map((known) => [known.id, known])));
  prepare(back);
  const store = new Store({ document: firstPicture(), catalog, catalogLoaded: true, ...kept });
  const denied: string[] = [];
  let opened = 0;
  let handlers: EventHandlers | undefined;
  let since = 0;
  const silent = { addEventListener: () => undefined, close: () => undefined };
  const runs = new Runs(
    store,
    back.client,
    { ...noNews, denied: (brick) => denied.push(brick), opened: () => (opened += 1) },
    (given, lastSeq) => {
      handlers = given;
      since = lastSeq;
      return new EventConnection(given, lastSeq, () => silent);
    },
  );
  await runs.start();
  assert.ok(handlers);
  return { ...back, store, runs, say: handlers, since, denied, opened: () => opened };
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

test("a job that runs while the page is loaded again is followed to its end", async () => {
  const { store, say } = await page([job("a", { state: "running", last_seq: 4 })], { tracked: ["a"], shown: "a" });
  assert.equal(stoppable(store.state)?.id, "a");
  say.progress({ job: "a", brick: "render", fraction: 0.5, step: 1, steps: 2 });
  assert.equal(store.state.jobs["a"]?.bricks["render"]?.step, 1);
  say.job({ seq: 5, job: "a", kind: "succeeded", at: "2026-01-01T00:00:09Z", data: {} });
  assert.deepEqual(store.state.tracked, []);
  assert.equal(store.state.shown, "a");
});

test("a job that ended while the page was away shows its end", async () => {
  const { store } = await page([job("a", { state: "succeeded", last_seq: 9 })], { tracked: ["a"], shown: "a" });
  assert.equal(stoppable(store.state), undefined);
  assert.deepEqual(store.state.tracked, []);
});

test("a job that the server no longer knows is forgotten", async () => {
  const { store } = await page([], { tracked: ["gone"], shown: "gone" });
  assert.equal(store.state.shown, undefined);
  assert.deepEqual(store.state.tracked, []);
});

test("after a gap everything is asked for again", async () => {
  const jobs = [job("a", { state: "running", last_seq: 4 })];
  const { store, say, asked } = await page(jobs, { tracked: ["a"], shown: "a" });
  say.lost();
  assert.equal(store.state.connection, "reconnecting");
  asked.length = 0;
  say.opened(true);
  await settled();
  assert.equal(store.state.connection, "online");
  assert.deepEqual(asked, ["GET /api/jobs?limit=50", "GET /api/jobs/a"]);
});

test("a job started elsewhere joins the list but does not take over the bricks", async () => {
  const { store, say } = await page([job("b", { state: "queued" })]);
  say.job({ seq: 2, job: "b", kind: "started", at: "", data: {} });
  await settled();
  assert.ok(store.state.jobOrder.includes("b"));
  assert.equal(store.state.shown, undefined);
});

test("news that overtakes the answers about its job is not lost", async () => {
  const { store, runs, say, asked, jobs, hold, letGo } = await page([]);
  hold();
  const submitted = runs.submit();
  await settled();
  const [id] = [...jobs.keys()];
  assert.ok(id !== undefined);
  say.job({ seq: 11, job: id, kind: "started", at: "", data: {} });
  say.job({ seq: 12, job: id, kind: "brick-started", at: "", data: { brick: "prompt" } });
  await settled();
  assert.deepEqual(asked.slice(-2), ["POST /api/jobs", `GET /api/jobs/${id}`]);
  await letGo();
  await submitted;
  const known = store.state.jobs[id];
  assert.deepEqual([known?.state, known?.bricks["prompt"]?.state, known?.last_seq], ["running", "running", 12]);
});

test("a job deleted while it is asked for does not come back with the answer", async () => {
  const { store, say, hold, letGo } = await page([]);
  hold();
  say.job({ seq: 11, job: "b", kind: "started", at: "", data: {} });
  say.job({ seq: 12, job: "b", kind: "deleted", at: "", data: {} });
  await letGo();
  assert.deepEqual(store.state.jobOrder, []);
});

test("the stream starts after the list of jobs, not after what was asked for later", async () => {
  const running = job("a", { state: "running", last_seq: 4 });
  const { since } = await page([running], { tracked: ["b"] }, ({ jobs, unlisted }) => {
    jobs.set("b", job("b", { state: "running", last_seq: 9 }));
    unlisted.add("b");
  });
  assert.equal(since, 4);
});

test("what could not be had at the start is asked for once the stream is open", async () => {
  const { store, say, comeBack, asked } = await page([job("a")], {}, (back) => back.goAway());
  assert.equal(store.state.connection, "reconnecting");
  comeBack();
  asked.length = 0;
  say.opened(false);
  await settled();
  assert.deepEqual([asked, store.state.jobOrder], [["GET /api/jobs?limit=50"], ["a"]]);
});

test("what is not kept and happened before the stream was open is asked for once it is", async () => {
  const { say, opened } = await page([]);
  say.opened(false);
  assert.equal(opened(), 1);
  say.lost();
  say.opened(true);
  assert.equal(opened(), 1, "catching up asks for everything anyway");
});

test("a second run waits in the queue while the bricks show the first", async () => {
  const { store, runs, say } = await page([]);
  await runs.submit();
  const first = store.state.shown;
  assert.ok(first !== undefined);
  say.job({ seq: 11, job: first, kind: "started", at: "", data: {} });
  await runs.submit();
  assert.equal(store.state.shown, first);
  const second = store.state.tracked.find((id) => id !== first);
  assert.ok(second !== undefined);
  say.job({ seq: 12, job: first, kind: "succeeded", at: "", data: {} });
  say.job({ seq: 13, job: second, kind: "started", at: "", data: {} });
  assert.equal(store.state.shown, second);
  assert.equal(store.state.shownBefore, first);
});

test("how far a run is tells the brick at work and its step, and that it waits before", async () => {
  const { store, runs, say } = await page([]);
  assert.equal(runUnderWay(store.state), undefined);
  await runs.submit();
  assert.deepEqual(runUnderWay(store.state), { title: "First picture", fraction: 0, text: "Waiting" });
  const [id] = store.state.tracked;
  assert.ok(id !== undefined);
  say.job({ seq: 11, job: id, kind: "started", at: "", data: {} });
  say.progress({ job: id, brick: "render", fraction: 0.52, step: 13, steps: 25 });
  assert.deepEqual(runUnderWay(store.state), { title: "Render", fraction: 0.52, text: "13 / 25" });
  say.job({ seq: 12, job: id, kind: "succeeded", at: "", data: {} });
  assert.equal(runUnderWay(store.state), undefined);
});

test("a run that was denied something names the kind of brick that tried", async () => {
  const { store, runs, say, denied } = await page([]);
  await runs.submit();
  const [id] = store.state.tracked;
  assert.ok(id !== undefined);
  say.job({ seq: 11, job: id, kind: "failed", at: "", data: { error: { code: "denied", message: "Not allowed.", brick: "render" } } });
  assert.deepEqual(denied, ["qpyt:render"]);
});

test("a server that is away is told as a card, and the work is kept", async () => {
  const { store, runs, goAway } = await page([]);
  goAway();
  await runs.submit();
  assert.equal(store.state.notices[0]?.key, "server");
  assert.equal(store.state.submitting, false);
  assert.equal(store.state.document.bricks.length, 5);
});

test("a refusal puts its problems on the bricks", async () => {
  const { store } = await page([]);
  const problems = [{ code: "missing-input", brick: "styles", name: "prompt", message: "Nothing is connected." }];
  const refusing = new Client(() => Promise.resolve(new Response(JSON.stringify({ error: { code: "invalid", message: "No.", problems } }), { status: 400 })));
  await new Runs(store, refusing, noNews).submit();
  assert.deepEqual(store.state.problems, problems);
  assert.ok(isRefused(store.state));
});

test("an error that is not JSON still says its status", async () => {
  const plain = new Client(() => Promise.resolve(new Response("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway" })));
  await assert.rejects(plain.bricks(), (error: unknown) => error instanceof ApiError && error.code === "http-502" && error.message === "Bad Gateway");
});
