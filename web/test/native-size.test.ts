import assert from "node:assert/strict";
import { test } from "node:test";
import { nativeSize } from "../src/forms/native-size.js";
import type { BrickInfo, Model, WorkflowDocument } from "../src/net/types.js";
import { catalogOf } from "../src/store/catalog.js";
import { INITIAL, type State } from "../src/store/state.js";
import { firstPicture, info } from "./fixtures.js";

const MODEL = { type: "string", default: "emoji", "x-widget": "model", "x-model-family": "stable-diffusion" };

function model(id: string, side: number): Model {
  return { id, label: id, family: "stable-diffusion", bytes: 1, size_multiple: 8, native_size: side, path: `/models/${id}` };
}

function state(document: WorkflowDocument): State {
  const render: BrickInfo = { ...info("qpyt:render"), params_schema: { properties: { model: MODEL } } };
  return { ...INITIAL, document, catalog: catalogOf([render]), models: { "stable-diffusion": [model("emoji", 64), model("sdxl", 1024)] } };
}

function rendering(model: string): WorkflowDocument {
  const document = firstPicture();
  return { ...document, bricks: document.bricks.map((brick) => (brick.id === "render" ? { ...brick, params: { model } } : brick)) };
}

test("a size left open is that of the first generator's model, or of its default", () => {
  assert.equal(nativeSize(state(firstPicture())), 64);
  assert.equal(nativeSize(state(rendering("sdxl"))), 1024);
});

test("no size is promised for a model that is not there, nor without a generator", () => {
  assert.equal(nativeSize(state(rendering("gone"))), undefined);
  assert.equal(nativeSize(state({ ...firstPicture(), bricks: [] })), undefined);
});

test("no size is promised where a picture to start from gives its proportions", () => {
  const document = firstPicture();
  const linked = { ...document, links: [...document.links, { from: "photo.image", to: "render.image" }] };
  assert.equal(nativeSize(state(linked)), undefined);
});
