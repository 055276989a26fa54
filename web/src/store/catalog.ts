/** The installed bricks as documents see them: which version an instance runs on, and what changed between two lists. */
import type { BrickInfo, BrickInstance, Lock, Version } from "../net/types.js";
import { accepts, byAge, canonical } from "../ports/requirement.js";

/** The versions that serve side by side, by brick, newest first. */
export type Catalog = ReadonlyMap<string, readonly BrickInfo[]>;

/** The list of the server as a catalog. What is as it was in `before` stays the very same object, so that nothing is drawn anew. */
export function catalogOf(bricks: readonly BrickInfo[], before: Catalog = new Map()): Catalog {
  const catalog = new Map<string, BrickInfo[]>();
  for (const info of bricks) {
    const known = before.get(info.id)?.find((old) => old.place_id === info.place_id);
    catalog.set(info.id, [...(catalog.get(info.id) ?? []), known ? sharing(known, info) : info]);
  }
  for (const versions of catalog.values()) versions.sort((a, b) => byAge(b.version, a.version));
  return catalog;
}

/** `fresh`, with every part that equals the one of `known` being that part. */
export function sharing<T>(known: T, fresh: T): T {
  if (!isObject(known) || !isObject(fresh)) return fresh;
  let same = Object.keys(known).length === Object.keys(fresh).length;
  const joined: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fresh)) {
    const old = known[key];
    const kept = JSON.stringify(old) === JSON.stringify(value) ? old : value;
    same &&= kept === old && key in known;
    joined[key] = kept;
  }
  return same ? known : (joined as T);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The newest version of a brick. */
export function newest(catalog: Catalog, id: string): BrickInfo | undefined {
  return catalog.get(id)?.[0];
}

/** The requirement of an instance as the lock names it. */
export function lockKey({ brick, requires }: BrickInstance): string {
  return `${brick}@${canonical(requires ?? "*")}`;
}

/** Whether an installed version is one that the instance accepts. */
export function fits(info: BrickInfo, { requires }: BrickInstance): boolean {
  return accepts(requires ?? "*", info.version);
}

/** The binary that the lock holds an instance to. */
export function lockedDigest(lock: Lock | undefined, instance: BrickInstance): string | undefined {
  return lock?.bricks?.[lockKey(instance)]?.digest;
}

/** The lock without these entries, `null` when nothing is left of it; `undefined` when it has none of them. */
export function unlocked(lock: Lock | undefined, keys: readonly string[]): Lock | null | undefined {
  const bricks = lock?.bricks ?? {};
  if (!keys.some((key) => key in bricks)) return undefined;
  const rest = Object.fromEntries(Object.entries(bricks).filter(([key]) => !keys.includes(key)));
  if (Object.keys(rest).length > 0) return { ...lock, bricks: rest };
  const others = Object.entries(lock ?? {}).filter(([key]) => key !== "bricks");
  return others.length > 0 ? Object.fromEntries(others) : null;
}

/**
 * The version that an instance shows: the one its document is locked to, else the newest that fits, else the newest,
 * so that a form does not vanish because a version has become too new.
 */
export function infoFor(catalog: Catalog, lock: Lock | undefined, instance: BrickInstance): BrickInfo | undefined {
  const versions = catalog.get(instance.brick) ?? [];
  const [only] = versions;
  if (versions.length < 2) return only;
  const accepted = versions.filter((info) => fits(info, instance));
  const locked = lockedDigest(lock, instance);
  return accepted.find((info) => keeps(info, locked)) ?? accepted[0] ?? only;
}

/** Whether a binary serves, or is kept of those that did. */
export function keeps(info: BrickInfo, digest: string | undefined): boolean {
  return digest !== undefined && (info.digest === digest || info.versions.some((version) => version.digest === digest));
}

/** The version that a document's lock holds an instance to, when another one serves and that one is still kept. */
export function pinnedTo(info: BrickInfo, lock: Lock | undefined, instance: BrickInstance): Version | undefined {
  const locked = lockedDigest(lock, instance);
  if (locked === undefined || locked === info.digest) return undefined;
  return info.versions.find((version) => version.digest === locked && accepts(instance.requires ?? "*", version.version));
}

/** Versions by place and brick. */
export type Seen = Readonly<Record<string, { version: string; digest: string }>>;

/** The versions of a catalog, small enough to be kept across a reload. */
export function seenIn(catalog: Catalog): Seen {
  return Object.fromEntries([...catalog.values()].flat().map((info) => [keyOf(info), { version: info.version, digest: info.digest }]));
}

/** The bricks that were swapped since they were seen. */
export function swappedSince(seen: Seen, catalog: Catalog): Change[] {
  return [...catalog.values()].flat().flatMap((info) => {
    const from = seen[keyOf(info)];
    return from && from.digest !== info.digest ? [{ ...change("swapped", info), from }] : [];
  });
}

function keyOf(info: BrickInfo): string {
  return `${info.place_id} ${info.id}`;
}

/** A brick that is another one than before, or that is new or gone. */
export interface Change {
  kind: "added" | "swapped" | "removed";
  id: string;
  label: string;
  /** What serves now; for a removed one, what did. */
  version: string;
  digest: string;
  /** What served before a swap. */
  from?: { version: string; digest: string };
  /** It can carry parameters of an older version over. */
  migrates: boolean;
}

/** What differs between two lists of bricks. */
export function changes(before: Catalog, after: Catalog): Change[] {
  const entries = (catalog: Catalog): Map<string, BrickInfo> =>
    new Map([...catalog.values()].flat().map((info) => [keyOf(info), info]));
  const [old, now] = [entries(before), entries(after)];
  const gone = [...old].filter(([key]) => !now.has(key)).map(([, info]) => change("removed", info));
  const rest = [...now].flatMap(([key, info]) => {
    const was = old.get(key);
    if (!was) return [change("added", info)];
    if (was.digest === info.digest) return [];
    return [{ ...change("swapped", info), from: { version: was.version, digest: was.digest } }];
  });
  return [...gone, ...rest];
}

function change(kind: Change["kind"], info: BrickInfo): Change {
  const { id, label, version, digest, migrates } = info;
  return { kind, id, label, version, digest, migrates };
}
