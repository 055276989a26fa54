/** Which picture a mask is painted over: the one that its brick takes, else the one that the mask goes along with. */
import { fields, valueOf } from "../forms/schema.js";
import type { BrickInstance, Job, Link } from "../net/types.js";
import { splitEnd } from "../ports/wiring.js";
import { infoFor } from "./catalog.js";
import { findBrick } from "./document.js";
import { shownJob } from "./selectors.js";
import type { State } from "./state.js";

/** The digest of the picture as it was last, if there was one yet. */
export function subjectOf(state: State, id: string): string | undefined {
  const { links } = state.document;
  const takers = links.filter(({ from }) => splitEnd(from).brick === id).map(({ to }) => splitEnd(to).brick);
  return firstFound([id, ...new Set(takers)], (brick) => firstFound(pictureLinks(state, brick), ({ from }) => pictureAt(state, from)));
}

/** The links that bring a brick its pictures. */
function pictureLinks(state: State, id: string): Link[] {
  const brick = findBrick(state.document, id);
  const info = brick && infoFor(state.catalog, state.document.lock, brick);
  const ports = info?.inputs.filter(({ kind }) => kind === "image").map(({ name }) => `${id}.${name}`) ?? [];
  return state.document.links.filter(({ to }) => ports.includes(to));
}

/** The picture that comes out of a port: one that was chosen is known at once, any other after a run. */
function pictureAt(state: State, end: string): string | undefined {
  const { brick: id, port } = splitEnd(end);
  const brick = findBrick(state.document, id);
  if (!brick) return undefined;
  const before = state.shownBefore === undefined ? undefined : state.jobs[state.shownBefore];
  return chosenIn(state, brick) ?? firstFound([shownJob(state), before], (job) => madeIn(job, id, port));
}

function chosenIn(state: State, brick: BrickInstance): string | undefined {
  const info = infoFor(state.catalog, state.document.lock, brick);
  if (!info || info.inputs.length > 0) return undefined;
  const field = fields(info.params_schema).find(({ widget }) => widget === "image");
  const digest = field && valueOf(brick.params, field);
  return typeof digest === "string" && digest !== "" ? digest : undefined;
}

function madeIn(job: Job | undefined, id: string, port: string): string | undefined {
  const outputs = job?.bricks[id]?.outputs?.[port] ?? [];
  return firstFound(outputs, (value) => (value.kind === "image" ? value.digest : undefined));
}

function firstFound<Item, Found>(items: readonly Item[], look: (item: Item) => Found | undefined): Found | undefined {
  for (const item of items) {
    const found = look(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
