/** The brick by which a mask can be painted for one that has none yet. */
import { fields } from "../forms/schema.js";
import type { BrickInfo } from "../net/types.js";
import { infoFor } from "./catalog.js";
import { findBrick } from "./document.js";
import type { State } from "./state.js";

export interface MaskPainter {
  info: BrickInfo;
  /** Its parameter that holds the mask. */
  param: string;
}

/** For a brick whose mask nothing feeds: an installed one whose mask is painted by hand. */
export function painterFor(state: State, id: string): MaskPainter | undefined {
  const brick = findBrick(state.document, id);
  const ports = (brick && infoFor(state.catalog, state.document.lock, brick))?.inputs ?? [];
  const fed = new Set(state.document.links.map(({ to }) => to));
  if (!ports.some(({ kind, name }) => kind === "mask" && !fed.has(`${id}.${name}`))) return undefined;
  for (const [info] of state.catalog.values()) {
    const param = info && paintedIn(info);
    if (info && param !== undefined) return { info, param };
  }
  return undefined;
}

function paintedIn(info: BrickInfo): string | undefined {
  if (!info.outputs.some(({ kind }) => kind === "mask")) return undefined;
  return fields(info.params_schema).find(({ widget }) => widget === "mask")?.name;
}
