/** What pictures were made from, to be compared with them. */
import { splitEnd } from "../ports/wiring.js";
import { infoFor } from "./catalog.js";
import { findBrick } from "./document.js";
import { isFinished } from "./jobs.js";
import { shownJob } from "./selectors.js";
import type { State } from "./state.js";

/**
 * For each picture that a brick shows, the digest of the one it was made from in the run shown. What hands its pictures
 * on as they are is passed over. Empty where there is none, or no telling which belongs to which.
 */
export function beforeOf(state: State, id: string, digests: readonly string[]): string[] {
  const job = shownJob(state);
  if (!job || !isFinished(job)) return [];
  let at = id;
  const seen = new Set<string>();
  while (!seen.has(at)) {
    seen.add(at);
    const source = sourceOf(state, at);
    if (!source) return [];
    const outputs = job.bricks[source.brick]?.outputs?.[source.port] ?? [];
    const taken = outputs.flatMap((value) => (value.kind === "image" ? [value.digest] : []));
    const isSame = taken.length === digests.length && taken.every((digest, index) => digest === digests[index]);
    if (!isSame) return matched(taken, digests.length);
    at = source.brick;
  }
  return [];
}

/** Where a brick's pictures come from. */
function sourceOf(state: State, id: string): { brick: string; port: string } | undefined {
  const brick = findBrick(state.document, id);
  const info = brick && infoFor(state.catalog, state.document.lock, brick);
  const ports = info?.inputs.filter(({ kind }) => kind === "image").map(({ name }) => `${id}.${name}`) ?? [];
  const link = state.document.links.find(({ to }) => ports.includes(to));
  return link && splitEnd(link.from);
}

function matched(taken: readonly string[], count: number): string[] {
  if (taken.length === count) return [...taken];
  const [only] = taken;
  return taken.length === 1 && only !== undefined ? Array.from({ length: count }, () => only) : [];
}
