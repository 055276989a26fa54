import assert from "node:assert/strict";
import { test } from "node:test";
import { grouped } from "../src/models-page/model-search.js";
import type { CatalogueModel } from "../src/net/types.js";
import { ModelShelf, questionFor } from "../src/store/model-shelf.js";
import { Store } from "../src/store/state.js";
import { Refusing, serving } from "./server.js";

const GIB = 1024 ** 3;

function model(name: string, change: Partial<CatalogueModel> = {}): CatalogueModel {
  return {
    name,
    label: name,
    kind: "upscaler",
    description: "It makes pictures larger.",
    licence: "MIT",
    page: "https://example.org",
    gated: false,
    state: "available",
    removable: false,
    ...change,
  };
}

function page(answers: Record<string, unknown>, models: CatalogueModel[] = []) {
  const server = serving(answers);
  const store = new Store({ catalogue: models });
  let changes = 0;
  const shelf = new ModelShelf(store, server.client, () => (changes += 1));
  return { ...server, store, shelf, changes: () => changes };
}

test("models stand in groups by what they are for, and the search looks at all that is said of them", () => {
  const models = [model("chatty", { kind: "chat" }), model("u2net", { kind: "background-removal", licence: "Apache-2.0" }), model("esrgan")];
  assert.deepEqual(grouped(models, "").map((group) => group.kind), ["upscaler", "background-removal", "chat"]);
  assert.deepEqual(grouped(models, "apache BACKGROUND").flatMap((group) => group.models.map(({ name }) => name)), ["u2net"]);
  assert.deepEqual(grouped(models, "nothing like it"), []);
});

test("a small download is not asked about, a large one and one without room are", () => {
  assert.equal(questionFor(model("a"), { missing_bytes: GIB, free_bytes: 9 * GIB }), undefined);
  assert.equal(questionFor(model("a"), { missing_bytes: 5, free_bytes: null }), undefined);
  assert.equal(questionFor(model("a"), { missing_bytes: 2 * GIB, free_bytes: 9 * GIB }), "a takes 2.0 GiB to download; 9.0 GiB are free.");
  assert.equal(questionFor(model("a"), { missing_bytes: 500, free_bytes: 400 }), "a takes 500 B to download; 400 B are free.");
  assert.equal(questionFor(model("a"), { missing_bytes: null, free_bytes: null }), "a takes an unknown amount to download.");
});

test("the page knows what the catalogue has, what else is installed, and how much room there is", async () => {
  const own = { id: "mine", label: "Mine", family: "stable-diffusion", bytes: 3, size_multiple: 8, native_size: 512, path: "/models/mine" };
  const strange = { path: "/models/what.ckpt", message: "No model that is known here is in it." };
  const { shelf, store } = page({
    "GET /api/models/catalogue": { models: [model("emoji", { state: "ships" })], folder: "/models", free_bytes: 7 },
    "GET /api/models": { models: [{ ...own, id: "emoji" }, own], broken: [], unknown: [strange] },
  });
  await shelf.load();
  assert.deepEqual(store.state.catalogue.map(({ state }) => state), ["ships"]);
  assert.deepEqual(store.state.ownModels.map(({ id }) => id), ["mine"]);
  assert.deepEqual(store.state.unknownModels, [strange]);
  assert.deepEqual(store.state.modelRoom, { folder: "/models", free: 7 });
});

test("news of a pull change the one model, and an installed one is told and looked for", () => {
  const { shelf, store, changes } = page({}, [model("a"), model("b")]);
  shelf.heard(model("a", { state: "fetching", done_bytes: 5 }));
  assert.deepEqual(store.state.catalogue.map(({ state }) => state), ["fetching", "available"]);
  assert.equal(changes(), 0);
  shelf.heard(model("a", { state: "installed" }));
  shelf.heard(model("a", { state: "installed" }));
  assert.deepEqual(store.state.toasts.map(({ message }) => message), ["a is installed"]);
  assert.equal(changes(), 1);
  shelf.heard(model("unheard-of", { state: "installed" }));
  assert.equal(changes(), 1);
});

test("a pull that is refused says why until something goes well", async () => {
  const refusal = "The network is switched off.";
  const { shelf, store } = page({ "POST /api/models/a/pull": new Refusing(409, "offline", refusal), "DELETE /api/models/a/pull?discard=true": model("a") }, [model("a")]);
  await shelf.pull("a");
  assert.deepEqual(store.state.notices.map(({ key, message }) => [key, message]), [["models", refusal]]);
  await shelf.discard("a");
  assert.deepEqual(store.state.notices, []);
});

test("what was asked for once is asked for again when the stream is back", async () => {
  const catalogue = { models: [], folder: "/models", free_bytes: null };
  const { shelf, asked } = page({ "GET /api/models/catalogue": catalogue, "GET /api/models": { models: [], broken: [], unknown: [] } });
  await shelf.refresh();
  assert.deepEqual(asked, []);
  await shelf.load();
  await shelf.refresh();
  assert.equal(asked.length, 4);
});

test("when a model has come, what is the person's own is asked for again: it may have lacked just that", async () => {
  const answers = {
    "GET /api/models/catalogue": { models: [model("parts")], folder: "/models", free_bytes: null },
    "GET /api/models": { models: [], broken: [{ path: "/models/net.safetensors", message: "lacks", get: "parts" }] },
  };
  const { shelf, store, asked } = page(answers);
  await shelf.load();
  assert.deepEqual(store.state.brokenModels.map(({ get }) => get), ["parts"]);
  shelf.heard(model("parts", { state: "fetching" }));
  assert.equal(asked.length, 2);
  shelf.heard(model("parts", { state: "installed" }));
  assert.equal(asked.length, 4);
});
