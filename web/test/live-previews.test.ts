import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../src/net/client.js";
import type { Job, JsonObject } from "../src/net/types.js";
import { Editor } from "../src/store/editor.js";
import { LivePreviews } from "../src/store/live-previews.js";
import { card } from "../src/store/selectors.js";
import { Store } from "../src/store/state.js";
import { firstPicture, job, withBrick } from "./fixtures.js";

const schema = { type: "object", properties: { light: { type: "number", default: 1 } }, "x-live-preview": true };
const catalog = withBrick("qpyt:image-out", { params_schema: schema });
const ran: Job = job("ran", { state: "succeeded", document: firstPicture() });

type Wish = { document: { bricks: { id: string; params: JsonObject }[] }; brick: string; job: string; page: string };

/** A page with a finished run, and a server whose answers wait until they are given. */
function page(state: Partial<Store["state"]> = {}) {
  const wishes: Wish[] = [];
  const waiting: ((answer: Response | undefined) => void)[] = [];
  const client = new Client((_, init) => {
    wishes.push(JSON.parse(init?.body as string) as Wish);
    return new Promise((resolve, reject) => {
      init?.signal?.addEventListener("abort", () => reject(new DOMException("gone", "AbortError")));
      waiting.push((answer) => resolve(answer ?? new Response("picture")));
    });
  });
  const store = new Store({ document: firstPicture(), catalog, catalogLoaded: true, jobs: { ran }, jobOrder: ["ran"], shown: "ran", ...state });
  const editor = new Editor(store);
  new LivePreviews(store, client);
  const slide = (value: number, brick = "output"): void => editor.setParams(brick, [{ name: "light", value }]);
  const answer = async (response?: Response): Promise<void> => {
    waiting.shift()?.(response);
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  const lights = (): unknown[] => wishes.map(({ document }) => document.bricks.find(({ id }) => id === "output")?.params["light"]);
  return { store, editor, wishes, slide, answer, lights, shows: () => "output" in store.state.livePreviews };
}

test("a slider's move is previewed on what the finished run made", async () => {
  const { store, wishes, slide, answer, shows } = page();
  slide(2);
  assert.equal(shows(), false);
  await answer();
  assert.equal(await store.state.livePreviews["output"]?.picture.text(), "picture");
  const [wish] = wishes;
  assert.deepEqual([wish?.brick, wish?.job], ["output", "ran"]);
  assert.match(wish?.page ?? "", /^[\da-f-]{36}$/);
});

test("however fast it goes, one preview is under way, and the next is of where it is by then", async () => {
  const { slide, answer, lights, shows } = page();
  for (const value of [2, 2.1, 2.2, 2.3]) slide(value);
  assert.deepEqual(lights(), [2]);
  await answer();
  assert.deepEqual(lights(), [2, 2.3]);
  await answer();
  assert.deepEqual(lights(), [2, 2.3]);
  assert.equal(shows(), true);
});

test("each preview is another one to the card that shows it", async () => {
  const { store, slide, answer } = page();
  slide(2);
  await answer();
  const first = card(store.state, "output")?.live;
  slide(3);
  await answer();
  assert.notEqual(card(store.state, "output")?.live?.number, first?.number);
});

test("it goes when the parameters are back to those of the run, also while one is on its way", async () => {
  const { slide, answer, shows, editor, lights } = page();
  slide(2);
  await answer();
  slide(1);
  assert.equal(shows(), false);
  slide(2);
  editor.undo();
  await answer();
  assert.equal(shows(), false);
  assert.deepEqual(lights().slice(0, 2), [2, 2]);
});

test("it goes when a run is finished, and stays while the run lasts", async () => {
  const { store, slide, answer, shows } = page();
  slide(2);
  await answer();
  store.putJob(job("next", { number: 2, state: "running" }));
  store.set({ shown: "next", shownBefore: "ran" });
  assert.equal(shows(), true);
  store.putJob(job("next", { number: 2, state: "succeeded" }));
  assert.equal(shows(), false);
});

test("what can't be previewed shows nothing and says nothing", async () => {
  const { store, slide, answer, shows } = page();
  slide(2);
  await answer();
  slide(3);
  await answer(new Response(JSON.stringify({ error: { code: "preview-stale", message: "…" } }), { status: 409 }));
  assert.equal(shows(), false);
  assert.deepEqual(store.state.notices, []);
});

test("an edit before the brick asks again for what shows", async () => {
  const { slide, answer, wishes, shows } = page();
  slide(2);
  await answer();
  slide(5, "prompt");
  assert.equal(wishes.length, 2);
  await answer(new Response(JSON.stringify({ error: { code: "preview-stale", message: "…" } }), { status: 409 }));
  assert.equal(shows(), false);
});

test("bricks that do not offer it, and pages without a run, ask for nothing", () => {
  const other = page();
  other.slide(2, "prompt");
  const fresh = page({ jobs: {}, jobOrder: [], shown: undefined });
  fresh.slide(2);
  assert.deepEqual([other.wishes, fresh.wishes], [[], []]);
});

test("a brick that is removed takes its preview along", async () => {
  const { editor, slide, answer, shows } = page();
  slide(2);
  await answer();
  editor.remove("output");
  assert.equal(shows(), false);
});
