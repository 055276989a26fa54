// The two exports of a component: descriptions, runs, errors, and what becomes of handles.

import assert from "node:assert/strict";
import { test } from "node:test";

import { component, optionalExports } from "../src/brick.js";
import { BrickError, defineBrick } from "../src/index.js";

const DISPOSE = Symbol.dispose ?? Symbol.for("dispose");

const shout = defineBrick({
  id: "me:shout",
  label: "Shout",
  category: "input",
  doc: "Says a text louder.",
  params: { marks: { type: "integer", default: 1 } },
  inputs: { prompt: { kind: "text", doc: "A text." } },
  outputs: { prompt: { kind: "text", doc: "A louder text." } },
  run: ({ params, inputs }) => ({ prompt: inputs.prompt.toUpperCase() + "!".repeat(params.marks) }),
});

const prompt = (val) => ({ port: "prompt", value: { tag: "text", val } });

/** A brick that does `body` in its run and has no ports. */
function doing(body, modules = {}) {
  const brick = { id: "me:doing", label: "Doing", category: "input", doc: "Does.", run: body };
  return () => component(brick, "0.1.0", modules).run.run("me:doing", [], "{}");
}

async function failure(run) {
  try {
    await run();
  } catch (error) {
    return error.payload;
  }
  assert.fail("it did not fail");
}

test("a component describes its bricks at the version of the package", () => {
  const described = component([shout, { ...shout, id: "me:second", version: "2.0.0" }], "0.3.0", {}).describe.bricks();
  assert.deepEqual(described.map(({ id, version }) => [id, version]), [["me:shout", "0.3.0"], ["me:second", "2.0.0"]]);
  assert.deepEqual(JSON.parse(described[0].paramsSchema)["x-order"], ["marks"]);
});

test("a run turns values at ports into values at ports", async () => {
  const { run } = component(shout, "0.1.0", {});
  assert.deepEqual(await run.run("me:shout", [prompt("hi")], '{"marks": 2}'), [prompt("HI!!")]);
});

test("a brick that is not there is named", async () => {
  const { run } = component(shout, "0.1.0", {});
  assert.match((await failure(() => run.run("me:whisper", [], "{}"))).val, /no brick `me:whisper`/);
});

test("thrown errors become brick errors", async () => {
  const refusal = (payload) => Object.assign(new Error("refused"), { payload });
  const cases = [
    [BrickError.badInput("image", "Too small."), { tag: "bad-input", val: { name: "image", problem: "Too small." } }],
    [BrickError.badParam("seed", "Too odd."), { tag: "bad-param", val: { name: "seed", problem: "Too odd." } }],
    [refusal({ tag: "cancelled" }), { tag: "cancelled" }],
    [refusal({ tag: "denied", val: "Not allowed." }), { tag: "host", val: "Not allowed." }],
  ];
  for (const [error, payload] of cases) {
    assert.deepEqual(await failure(doing(() => { throw error; })), payload);
  }
  const missing = await failure(doing(() => { throw refusal({ tag: "model-missing", val: "sdxl" }); }));
  assert.match(missing.val, /`sdxl` is not installed/);
  const large = await failure(doing(() => { throw refusal({ tag: "too-large", val: 9n }); }));
  assert.match(large.val, /9 bytes/);
});

test("a mistake in the brick is told with its message and logged with its place", async (context) => {
  const log = context.mock.method(console, "error", () => {});
  const payload = await failure(doing(() => undefined.nothing));
  assert.equal(payload.tag, "other");
  assert.match(payload.val, /The brick failed: TypeError/);
  assert.match(log.mock.calls[0].arguments[0], /component\.test\.js/);
});

test("what brick.toml does not ask for is named with the line that is missing", async () => {
  assert.match((await failure(doing(({ host }) => host.models.listModels()))).val, /add "qpyt:ai\/models" to `uses`/);
  assert.match((await failure(doing(({ host }) => host.teapot))).val, /has no `teapot`/);
});

test("progress and looking for a cancel end the run once the person stopped the job", async () => {
  const modules = { "qpyt:job/context": { progress: () => false, cancelled: () => true } };
  assert.deepEqual(await failure(doing(({ host }) => host.job.progress(0.5), modules)), { tag: "cancelled" });
  assert.deepEqual(await failure(doing(({ host }) => host.job.checkCancelled(), modules)), { tag: "cancelled" });
});

test("what a brick remembers is given back to it in another sandbox", async () => {
  const counter = {
    ...shout,
    remembers: true,
    run({ memory }) {
      const { count = 0 } = memory.value ?? {};
      memory.value = { count: count + 1 };
      return { prompt: `${count} ${memory.version ?? "new"}` };
    },
  };
  const first = component(counter, "0.1.0", {});
  assert.deepEqual(await first.run.run("me:shout", [prompt("")], "{}"), [prompt("0 new")]);
  const second = component(counter, "0.2.0", {});
  second.state.restore("0.1.0", first.state.save());
  assert.deepEqual(await second.run.run("me:shout", [prompt("")], "{}"), [prompt("1 0.1.0")]);
  assert.throws(() => second.state.restore("0.1.0", new Uint8Array([1])), (error) => typeof error.payload === "string");
  assert.deepEqual(optionalExports([shout, counter]), ["state"]);
});

test("parameters are carried over by the brick they belong to", () => {
  const renamed = {
    ...shout,
    migrate: ({ fromVersion, params }) => {
      if (fromVersion === "0.0.1") throw new Error("Set it anew.");
      return { marks: params.exclamations };
    },
  };
  const { migrate } = component([renamed, { ...shout, id: "me:other" }], "0.2.0", {});
  assert.equal(migrate.migrateParams("me:shout", "0.1.0", '{"exclamations":3}'), '{"marks":3}');
  assert.equal(migrate.migrateParams("me:other", "0.1.0", '{"marks":3}'), '{"marks":3}');
  assert.throws(() => migrate.migrateParams("me:shout", "0.0.1", "{}"), (error) => error.payload === "Set it anew.");
  assert.deepEqual(optionalExports(renamed), ["migrate"]);
});

/** Modules such as componentize-js makes, which count the handles that are open. */
function pictures() {
  let open = 0;
  class Image {
    constructor() {
      open += 1;
    }
    crop() {
      return new Image();
    }
    [DISPOSE]() {
      open -= 1;
    }
  }
  class Canvas extends Image {
    static create() {
      return new Canvas();
    }
    static freeze() {
      open -= 1;
      return new Image();
    }
  }
  const modules = { "qpyt:media/image": { Image, Canvas, decode: () => new Image() } };
  return { modules, Image, open: () => open };
}

test("every handle of a run is let go of at its end, but for those that are given", async () => {
  const { modules, Image, open } = pictures();
  const brick = {
    ...shout,
    inputs: { image: { kind: "image", doc: "A picture." } },
    outputs: { image: { kind: "image", doc: "A picture." } },
    run({ inputs, host }) {
      host.media.decode();
      inputs.image.crop();
      return { image: host.media.Canvas.freeze(host.media.Canvas.create()) };
    },
  };
  const received = [{ port: "image", value: { tag: "image", val: new Image() } }];
  const given = await component(brick, "0.1.0", modules).run.run("me:shout", received, "{}");
  assert.equal(given.length, 1);
  assert.equal(open(), 1);
});

test("a handle can be let go of early, and only once", async () => {
  const { modules, open } = pictures();
  await doing(({ host }) => {
    const image = host.media.decode();
    image.close();
    assert.equal(open(), 0);
    image.close();
  }, modules)();
  assert.equal(open(), 0);
});
