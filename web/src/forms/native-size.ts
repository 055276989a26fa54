/** The size of a picture whose width and height are left open, as far as the document tells before a run. */
import type { BrickInfo, BrickInstance } from "../net/types.js";
import { splitEnd } from "../ports/wiring.js";
import { infoFor } from "../store/catalog.js";
import type { State } from "../store/state.js";
import { type FieldOf, fields, valueOf } from "./schema.js";

const modelFields = new WeakMap<BrickInfo, FieldOf<"model"> | undefined>();

/** The side in pixels that the first generator's model was trained at; `undefined` when it starts from a picture. */
export function nativeSize(state: State): number | undefined {
  for (const brick of state.document.bricks) {
    const info = infoFor(state.catalog, state.document.lock, brick);
    const field = info?.category === "generator" ? modelField(info) : undefined;
    if (!info || !field) continue;
    if (startsFromPicture(state, brick, info)) return undefined;
    const id = valueOf(brick.params, field);
    return state.models[field.family]?.find((model) => model.id === id)?.native_size ?? undefined;
  }
  return undefined;
}

/** The parameter that names a model. Kept for each brick, because every change of the state asks. */
function modelField(info: BrickInfo): FieldOf<"model"> | undefined {
  if (!modelFields.has(info)) modelFields.set(info, fields(info.params_schema).find((field) => field.widget === "model"));
  return modelFields.get(info);
}

/** A linked picture gives its proportions. */
function startsFromPicture(state: State, brick: BrickInstance, info: BrickInfo): boolean {
  const pictures = info.inputs.filter((port) => port.kind === "image").map((port) => port.name);
  return state.document.links.map((link) => splitEnd(link.to)).some((to) => to.brick === brick.id && pictures.includes(to.port));
}
