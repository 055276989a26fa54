// From a brick's folder to the source of its component, up to componentize-js; the whole way is walked by the tests of
// the host.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { test } from "node:test";

import { build } from "../build/build.js";
import { bundle } from "../build/bundle.js";
import { readContract, writeWorld } from "../build/world.js";

const WIT = resolve(import.meta.dirname, "../../../wit");

const BRICK = {
  "brick.toml": '[brick]\nwasm = "good.wasm"\nuses = []\n',
  "package.json": '{"version": "0.1.0"}',
  "src/brick.js": `import { defineBrick } from "@qpyt/brick";
    export default defineBrick({ id: "me:good", label: "Good", category: "input", doc: "Is good.", run: () => ({}) });`,
};

async function folder(context, files) {
  const root = await mkdtemp(join(tmpdir(), "qpyt-kit-test-"));
  context.after(() => rm(root, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return root;
}

test("the world imports media and what is used, and nothing else", async (context) => {
  const work = await folder(context, {});
  const imports = await writeWorld(work, ["qpyt:job/context"]);
  assert.deepEqual(imports.map((name) => name.split("@")[0]), ["qpyt:media/image", "qpyt:media/tensor", "qpyt:job/context"]);
  const world = await readFile(join(work, "world.wit"), "utf8");
  assert.deepEqual(world.match(/(import|export) [a-z:/-]+/g), [
    "import qpyt:media/image",
    "import qpyt:media/tensor",
    "import qpyt:job/context",
    "export qpyt:brick/describe",
    "export qpyt:brick/run",
  ]);
});

test("the world exports what a brick does beyond running", async (context) => {
  const work = await folder(context, {});
  await writeWorld(work, [], { exported: ["state", "migrate"] });
  const world = await readFile(join(work, "world.wit"), "utf8");
  assert.match(world, /export qpyt:brick\/state@/);
  assert.match(world, /export qpyt:brick\/migrate@/);
});

test("an interface that is not there is named with those that are", async (context) => {
  const work = await folder(context, {});
  await assert.rejects(writeWorld(work, ["qpyt:ai/magic"]), /`qpyt:ai\/magic`.*qpyt:ai\/imaging/);
  await assert.rejects(writeWorld(work, [], { contract: work }), /holds no contract/);
});

test("every function of the contract has a type", async () => {
  const types = await readFile(resolve(import.meta.dirname, "../types/host.d.ts"), "utf8");
  const wit = await Promise.all(
    ["media/media", "job/job", "ai/ai", "store/store"].map((path) => readFile(`${WIT}/${path}.wit`, "utf8")),
  );
  const functions = wit.join("\n").matchAll(/^\s+%?([a-z-]+): (?:static )?func/gm);
  // `deadline-ms` is given as `millisecondsLeft`, `cancelled` as `checkCancelled`.
  const renamed = { "deadline-ms": "millisecondsLeft", cancelled: "checkCancelled" };
  let count = 0;
  for (const [, name] of functions) {
    const shown = renamed[name] ?? name.replace(/-([a-z])/g, (_, letter) => letter.toUpperCase());
    assert.match(types, new RegExp(`\\b${shown}\\(`), name);
    count += 1;
  }
  assert.ok(count > 20);
  assert.ok((await readContract(WIT)).size >= 11);
});

test("the component's source holds the brick and imports its interfaces only", async (context) => {
  const root = await folder(context, BRICK);
  const path = await bundle({ work: root, entry: join(root, "src/brick.js"), version: "0.1.0", interfaces: ["qpyt:job/context@0.1.0"] });
  const source = await readFile(path, "utf8");
  assert.deepEqual([...source.matchAll(/from "(.*?)"/g)].map((found) => found[1]), ["qpyt:job/context@0.1.0"]);
  assert.match(source, /me:good/);
});

test("what an author can put right is said before the component is made", async (context) => {
  for (const [changed, hint] of [
    [{ "brick.toml": "[brick]\n" }, /file name/],
    [{ "brick.toml": "[brick\n" }, /brick\.toml: /],
    [{ "brick.toml": '[brick]\nwasm = "a.wasm"\nuses = "all"' }, /list of interfaces/],
    [{ "package.json": "{" }, /package\.json: /],
    [{ "src/brick.js": "export default {" }, /src\/brick\.js:1:\d+: /],
    [{ "src/brick.js": 'import "left-pad";' }, /Could not resolve "left-pad"/],
    [{ "src/brick.js": "throw new Error('too early');" }, /too early/],
    [{ "src/brick.js": "export default {};" }, /defineBrick/],
    [{ "src/brick.js": BRICK["src/brick.js"].replace("Is good.", "") }, /doc: there is none/],
  ]) {
    const root = await folder(context, { ...BRICK, ...changed });
    await assert.rejects(build({ folder: root }), hint);
  }
});

test("where the kit's packages can't be fetched the build says how to install them", async (context) => {
  const kit = await folder(context, {});
  await cp(resolve(import.meta.dirname, "../build"), join(kit, "build"), { recursive: true });
  await writeFile(join(kit, "package.json"), '{"type": "module"}');
  const { status, stderr } = spawnSync(process.execPath, [join(kit, "build/main.js")], { encoding: "utf8" });
  assert.equal(status, 1);
  assert.match(stderr, /npm ci --prefix /);
});

test("a folder without a brick.toml is named", async (context) => {
  const root = await folder(context, {});
  await assert.rejects(build({ folder: root }), /brick\.toml can't be read/);
});
