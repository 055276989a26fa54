import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, pageAt } from "../src/app/deep-link.js";

function brickPageAt(hash: string) {
  const shown = pageAt(hash);
  return shown?.panel === "bricks" ? shown.page : undefined;
}

test("the address of the page of bricks opens it, with the brick that it names", () => {
  assert.deepEqual(pageAt("#bricks"), { panel: "bricks", page: undefined });
  assert.deepEqual(pageAt("#bricks/"), { panel: "bricks", page: undefined });
  assert.deepEqual(pageAt("#bricks/qpyt:prompt"), { panel: "bricks", page: { kind: "brick", id: "qpyt:prompt", place: "" } });
  assert.deepEqual(pageAt("#bricks/qpyt%3Aprompt"), { panel: "bricks", page: { kind: "brick", id: "qpyt:prompt", place: "" } });
  assert.deepEqual(pageAt("#bricks/secrets"), { panel: "bricks", page: { kind: "secrets" } });
  for (const other of ["", "#", "#bricksmith", "#history"]) assert.equal(pageAt(other), undefined);
  assert.deepEqual(pageAt("#bricks/%"), { panel: "bricks", page: { kind: "brick", id: "%", place: "" } });
});

test("what is shown has the address that opens it", () => {
  for (const hash of ["#bricks", "#bricks/qpyt:prompt", "#bricks/refused"]) {
    assert.equal(addressOf({ panel: "bricks", brickPage: brickPageAt(hash), modelAt: undefined }), hash);
  }
  assert.equal(addressOf({ panel: "queue", brickPage: { kind: "secrets" }, modelAt: undefined }), "");
});

test("the address of the page of models opens it, at the model that it names", () => {
  assert.deepEqual(pageAt("#models"), { panel: "models", model: undefined });
  assert.deepEqual(pageAt("#models/flux.1-dev"), { panel: "models", model: "flux.1-dev" });
  for (const [hash, modelAt] of [["#models", undefined], ["#models/u2net", "u2net"]] as const) {
    assert.equal(addressOf({ panel: "models", brickPage: undefined, modelAt }), hash);
  }
});
