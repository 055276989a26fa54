import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../src/net/client.js";
import { Editor } from "../src/store/editor.js";
import { Library } from "../src/store/library.js";
import { Migration } from "../src/store/migration.js";
import { Runs } from "../src/store/runs.js";
import { Store } from "../src/store/state.js";
import { firstPicture, noNews } from "./fixtures.js";

/** A server that saves workflows whose name has no slash. */
function saving(path: string, init: RequestInit | undefined): Response {
  if (init?.method !== "PUT") return new Response(JSON.stringify({ workflows: [], presets: [] }), { status: 200 });
  if (!path.includes("%2F")) return new Response(null, { status: 204 });
  const error = { code: "bad-name", message: "`up/` cannot be the name of a workflow." };
  return new Response(JSON.stringify({ error }), { status: 400 });
}

test("a card about a name that can't be saved goes once another name is saved", async () => {
  const store = new Store({ document: { ...firstPicture(), name: "up/" } });
  const client = new Client((input, init) => Promise.resolve(saving(input as string, init)));
  const editor = new Editor(store);
  const library = new Library(store, client, editor, new Runs(store, client, noNews), new Migration(store, client, editor));
  assert.equal(await library.save(), "failed");
  assert.equal(store.state.notices.length, 1);
  editor.rename("Pears");
  assert.equal(await library.save(), "saved");
  assert.deepEqual(store.state.notices, []);
});
