import assert from "node:assert/strict";
import { test } from "node:test";
import { EventConnection, type EventHandlers, type EventStream, waitBefore } from "../src/net/events.js";

class FakeStream implements EventStream {
  closed = false;
  readonly #listeners = new Map<string, (event: { data?: unknown }) => void>();

  constructor(readonly url: string) {}

  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void {
    this.#listeners.set(type, listener);
  }

  close(): void {
    this.closed = true;
  }

  say(type: string, data?: unknown): void {
    this.#listeners.get(type)?.({ data: typeof data === "string" ? data : JSON.stringify(data) });
  }
}

function follow(lastSeq: number) {
  const heard: string[] = [];
  const streams: FakeStream[] = [];
  const waits: { milliseconds: number; run: () => void }[] = [];
  const handlers: EventHandlers = {
    opened: (again) => void heard.push(again ? "reopened" : "opened"),
    lost: () => void heard.push("lost"),
    job: (event) => void heard.push(`job ${event.seq}`),
    progress: (event) => void heard.push(`progress ${event.brick}`),
    preview: (event) => void heard.push(`preview ${event.brick}`),
    bricks: (event) => void heard.push(`bricks ${event.kind}`),
    models: (model) => void heard.push(`models ${model.name}`),
  };
  const open = (url: string): EventStream => {
    const stream = new FakeStream(url);
    streams.push(stream);
    return stream;
  };
  const after = (milliseconds: number, run: () => void): (() => void) => {
    waits.push({ milliseconds, run });
    return () => waits.pop();
  };
  const connection = new EventConnection(handlers, lastSeq, open, { after });
  connection.start();
  const stream = (): FakeStream => streams.at(-1)!;
  const retry = (): void => waits.shift()?.run();
  return { connection, heard, streams, stream, retry, waits };
}

test("a stream begins after what is known already", () => {
  assert.equal(follow(41).stream().url, "/api/events?after=41");
});

test("a broken stream is resumed after the last event that was heard, and says that there was a gap", () => {
  const { heard, stream, retry } = follow(0);
  stream().say("open");
  stream().say("job", { seq: 5, job: "a", kind: "started", at: "", data: {} });
  stream().say("job", { seq: 9, job: "a", kind: "succeeded", at: "", data: {} });
  const broken = stream();
  broken.say("error");
  assert.ok(broken.closed);
  retry();
  assert.equal(stream().url, "/api/events?after=9");
  stream().say("open");
  assert.deepEqual(heard, ["opened", "job 5", "job 9", "lost", "reopened"]);
});

test("a server that is away at the start is told apart from a first opening", () => {
  const { heard, stream, retry } = follow(0);
  stream().say("error");
  retry();
  stream().say("open");
  assert.deepEqual(heard, ["lost", "reopened"]);
});

test("attempts wait longer and longer, up to five seconds", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 10].map(waitBefore), [500, 1000, 2000, 4000, 5000, 5000]);
  const { stream, retry, waits } = follow(0);
  for (const expected of [500, 1000, 2000]) {
    stream().say("error");
    assert.equal(waits[0]?.milliseconds, expected);
    retry();
  }
  stream().say("open");
  stream().say("error");
  assert.equal(waits[0]?.milliseconds, 500);
});

test("an event that is not JSON does not end the stream", (context) => {
  context.mock.method(console, "warn", () => undefined);
  const { heard, stream } = follow(0);
  stream().say("job", "{");
  stream().say("progress", { job: "a", brick: "render", fraction: 0.5 });
  assert.deepEqual(heard, ["progress render"]);
});

test("a stopped connection is not opened again", () => {
  const { connection, stream, streams, waits } = follow(0);
  connection.stop();
  stream().say("error");
  assert.equal(waits.length, 0);
  assert.equal(streams.length, 1);
});
