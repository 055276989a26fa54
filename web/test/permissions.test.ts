import assert from "node:assert/strict";
import { test } from "node:test";
import { powerSentence } from "../src/i18n/powers.js";
import type { Ask, BrickInfo, Grant } from "../src/net/types.js";
import { Permissions } from "../src/store/permissions.js";
import { mayWrite, powerRows, wantedSecrets, wishes, within } from "../src/store/powers.js";
import { INITIAL, type State, Store } from "../src/store/state.js";
import { firstPicture, info, withBrick } from "./fixtures.js";
import { Refusing, serving } from "./server.js";

const HOST: Ask = { import: "qpyt:store/http", kind: "host", scope: "api.example.org:443", granted: false };
const SECRET: Ask = { import: "qpyt:store/secrets", kind: "secret", scope: "example-key", granted: false };
const FOLDER: Ask = { import: "qpyt:store/files", kind: "folder", granted: false };
const SAVES = { params_schema: { properties: { folder: { type: "string", "x-widget": "folder" } } }, uses: ["qpyt:store/files"], asks: [FOLDER] };

function grant(change: Partial<Grant> = {}): Grant {
  return { id: 1, brick: "qpyt:prompt", digest: "blake3:Prompt", import: HOST.import, scope: "api.example.org:443", created_at: "", trial: false, would_deny: 0, ...change };
}

function state(change: Partial<BrickInfo>, folder?: string): State {
  const document = firstPicture();
  const bricks = document.bricks.map((brick) => (brick.id === "prompt" && folder !== undefined ? { ...brick, params: { folder } } : brick));
  return { ...INITIAL, document: { ...document, bricks }, catalog: withBrick("qpyt:prompt", change), catalogLoaded: true };
}

function page(start: State, more: Record<string, unknown> = {}) {
  const server = serving({
    "GET /api/grants": { grants: [] },
    "GET /api/secrets": { secrets: [{ name: "example-key", set_at: "" }] },
    "GET /api/network": { offline: false, forced: false },
    "POST /api/grants": {},
    ...more,
  });
  const store = new Store(start);
  let refreshed = 0;
  const permissions = new Permissions(store, server.client, () => {
    refreshed += 1;
    return Promise.resolve();
  });
  return { ...server, store, permissions, refreshed: () => refreshed };
}

test("a brick wishes for what its manifest names and is not granted", () => {
  assert.deepEqual(wishes(state({ asks: [HOST, { ...SECRET, granted: true }] }), "qpyt:prompt").map((power) => power.scope), ["api.example.org:443"]);
  assert.deepEqual(wishes(state({}), "qpyt:prompt"), []);
  assert.deepEqual(wishes(state({}), "acme:gone"), []);
});

test("a brick that writes wishes for the folders that the document gives it", () => {
  assert.deepEqual(wishes(state(SAVES, "/home/me/pictures"), "qpyt:prompt").map((power) => [power.kind, power.scope]), [["folder", "/home/me/pictures"]]);
  assert.deepEqual(wishes(state({ ...SAVES, granted: ["/home/me"] }, "/home/me/pictures"), "qpyt:prompt"), []);
  assert.deepEqual(wishes(state(SAVES, ""), "qpyt:prompt"), []);
});

test("a folder that an earlier binary was allowed counts only when the server says so of this one", () => {
  assert.ok(!mayWrite({ ...state(SAVES), grants: [grant({ import: "qpyt:store/files", scope: "/home/me" })] }, "qpyt:prompt", "/home/me"));
  assert.ok(mayWrite(state({ ...SAVES, granted: ["/home/me/"] }), "qpyt:prompt", "/home/me"));
  assert.ok(!within("/home/me-too", "/home/me"));
});

test("a brick that is added asks for what its manifest names, and a folder is asked for where it is set", () => {
  const asking = page(state({ asks: [HOST] }));
  asking.permissions.added("qpyt:prompt");
  assert.deepEqual(asking.store.state.asking, ["qpyt:prompt"]);
  assert.equal(asking.store.state.announcement, "Prompt asks for your permission");
  const saving = page(state(SAVES, "/home/me/pictures"));
  saving.permissions.added("qpyt:prompt");
  assert.deepEqual(saving.store.state.asking, []);
});

test("a run that was denied asks again after a not now, but not for what is allowed", () => {
  const { permissions, store } = page(state({ asks: [HOST] }));
  permissions.wanted("qpyt:prompt");
  permissions.later("qpyt:prompt");
  assert.deepEqual(store.state.asking, []);
  permissions.wanted("qpyt:prompt");
  permissions.wanted("qpyt:prompt");
  assert.deepEqual(store.state.asking, ["qpyt:prompt"]);
  store.set({ asking: [], catalog: withBrick("qpyt:prompt", { asks: [{ ...HOST, granted: true }] }) });
  permissions.wanted("qpyt:prompt");
  assert.deepEqual(store.state.asking, []);
});

test("allowing allows every wish, then sees how all stands", async () => {
  const { permissions, store, asked, bodies, refreshed } = page({ ...state({ asks: [HOST, SECRET] }), asking: ["qpyt:prompt"] });
  await permissions.allowWishes("qpyt:prompt");
  assert.deepEqual(asked.filter((call) => call.startsWith("POST")).length, 2);
  assert.deepEqual(bodies.slice(0, 2), [
    { brick: "qpyt:prompt", import: HOST.import, scope: HOST.scope },
    { brick: "qpyt:prompt", import: SECRET.import, scope: SECRET.scope },
  ]);
  assert.deepEqual([store.state.asking, store.state.secrets.length, refreshed()], [[], 1, 1]);
  assert.equal(store.state.toasts[0]?.message, "Allowed: api.example.org:443 and 1 more");
});

test("what could not be allowed is told, and the card stays", async () => {
  const { permissions, store } = page({ ...state({ asks: [HOST] }), asking: ["qpyt:prompt"] }, { "POST /api/grants": new Refusing(400, "bad-grant", "That is no host.") });
  await permissions.allowWishes("qpyt:prompt");
  assert.deepEqual([store.state.asking, store.state.notices[0]?.message], [["qpyt:prompt"], "That is no host."]);
});

test("permissions are put on trial and taken back, secrets set and removed, the network switched", async () => {
  const { permissions, asked, bodies } = page(state({}), {
    "PUT /api/grants/7/trial": {},
    "DELETE /api/grants/7": {},
    "PUT /api/secrets/a%20key": {},
    "DELETE /api/secrets/a%20key": {},
    "PUT /api/network": {},
  });
  await permissions.setTrial(7, true);
  await permissions.takeBack(7);
  assert.ok(await permissions.setSecret("a key", "hidden"));
  await permissions.removeSecret("a key");
  await permissions.setOffline(true);
  const changes = asked.map((call, index) => [call, bodies[index]]).filter(([call]) => !String(call).startsWith("GET"));
  assert.deepEqual(changes, [
    ["PUT /api/grants/7/trial", { trial: true }],
    ["DELETE /api/grants/7", undefined],
    ["PUT /api/secrets/a%20key", { value: "hidden" }],
    ["DELETE /api/secrets/a%20key", undefined],
    ["PUT /api/network", { offline: true }],
  ]);
});

test("a switch that the configuration forbids says so", async () => {
  const { permissions, store } = page(state({}), { "PUT /api/network": new Refusing(409, "forced", "qpyt.toml says so.") });
  await permissions.setOffline(false);
  assert.equal(store.state.notices[0]?.message, "qpyt.toml says so.");
});

test("the list of powers has what is asked and what was granted, each once, of this binary only", () => {
  const brick = { ...info("qpyt:prompt"), asks: [{ ...HOST, granted: true }, SECRET, FOLDER] };
  const folder = grant({ id: 2, import: "qpyt:store/files", scope: "/home/me" });
  const rows = powerRows(brick, [grant(), folder, grant({ id: 3, digest: "blake3:old" }), grant({ id: 4, brick: "qpyt:render" })]);
  assert.deepEqual(rows.map(({ power, granted, grant: given }) => [power.kind, power.scope, granted, given?.id]), [
    ["host", "api.example.org:443", true, 1],
    ["secret", "example-key", false, undefined],
    ["folder", "/home/me", true, 2],
  ]);
});

test("secrets that bricks ask for and that are not stored are named", () => {
  assert.deepEqual(wantedSecrets(state({ asks: [SECRET] })), ["example-key"]);
  assert.deepEqual(wantedSecrets({ ...state({ asks: [SECRET] }), secrets: [{ name: "example-key", set_at: "" }] }), []);
});

test("powers are said in plain words", () => {
  const said = [HOST, { ...HOST, scope: "*.example.org:443" }, SECRET, { ...FOLDER, scope: "/home/me" }].map((ask) => powerSentence({ ...ask, scope: ask.scope ?? "" }));
  assert.deepEqual(said, ["connect to api.example.org:443", "connect to any name below example.org:443", "use the secret “example-key”, without seeing it", "write into /home/me"]);
});
