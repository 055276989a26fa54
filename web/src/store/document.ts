/** Questions about a document, and its normal form in the editor: `bricks` stands in strip order. */
import type { BrickInfo, BrickInstance, JsonObject, Link, Lock, WorkflowDocument } from "../net/types.js";
import { splitEnd, wire } from "../ports/wiring.js";
import { type Catalog, infoFor, newest } from "./catalog.js";

export const EMPTY_DOCUMENT: WorkflowDocument = {
  version: 1,
  name: "",
  bricks: [],
  links: [],
  layout: { strip: [], collapsed: [] },
};

/**
 * The document with `bricks` in the order of `layout.strip` and every brick in the strip. Everything else,
 * known or not, is kept. Throws a `TypeError` for what is no document at all.
 */
export function normalise(value: unknown): WorkflowDocument {
  if (!isObject(value) || !Array.isArray(value["bricks"]) || !value["bricks"].every(isInstance)) {
    throw new TypeError("not a workflow document");
  }
  const given = value as unknown as Partial<WorkflowDocument> & Pick<WorkflowDocument, "bricks">;
  const strip = given.layout?.strip ?? [];
  const place = new Map(strip.map((id, index) => [id, index]));
  const rank = (brick: BrickInstance): number => place.get(brick.id) ?? strip.length;
  const bricks = given.bricks
    .map((brick) => (isObject(brick.params) ? brick : { ...brick, params: {} }))
    .sort((a, b) => rank(a) - rank(b));
  return withStrip({ version: 1, name: "", ...given, links: Array.isArray(given.links) ? given.links : [], bricks });
}

/** The document with its strip written anew from the order of its bricks. */
export function withStrip(document: WorkflowDocument): WorkflowDocument {
  const ids = document.bricks.map((brick) => brick.id);
  const present = new Set(ids);
  const collapsed = (document.layout?.collapsed ?? []).filter((id) => present.has(id));
  return { ...document, layout: { ...document.layout, strip: ids, collapsed } };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isInstance(value: unknown): boolean {
  return isObject(value) && typeof value["id"] === "string" && typeof value["brick"] === "string";
}

export function findBrick(document: WorkflowDocument, id: string): BrickInstance | undefined {
  return document.bricks.find((brick) => brick.id === id);
}

export function isCollapsed(document: WorkflowDocument, id: string): boolean {
  return document.layout?.collapsed?.includes(id) ?? false;
}

/** The name a brick of this kind gets in this document: `render`, then `render-2`, … */
export function freshId(document: WorkflowDocument, brick: string): string {
  const base = (brick.split(":").pop() ?? "brick").replace(/[^a-z0-9-]/g, "-").replace(/^[^a-z]+/, "") || "brick";
  const taken = new Set(document.bricks.map((candidate) => candidate.id));
  if (!taken.has(base)) return base;
  let number = 2;
  while (taken.has(`${base}-${number}`)) number += 1;
  return `${base}-${number}`;
}

const RANK = { input: 0, setting: 1, generator: 2, output: 3 } as const;

/** Where a brick of this kind belongs in the strip: after the last brick of its category or an earlier one. */
export function placeFor(document: WorkflowDocument, catalog: Catalog, info: BrickInfo): number {
  const rank = RANK[info.category];
  const last = document.bricks.findLastIndex((brick) => {
    const other = newest(catalog, brick.brick);
    return other !== undefined && RANK[other.category] <= rank;
  });
  return last + 1;
}

/**
 * The links of these bricks by the wiring rules. What is wired to a brick that is not installed stays as it was,
 * because its ports are not known.
 */
export function rewire(bricks: readonly BrickInstance[], before: readonly Link[], catalog: Catalog, lock?: Lock): Link[] {
  const present = new Map(bricks.map((brick) => [brick.id, infoFor(catalog, lock, brick)]));
  const isUnknown = (id: string): boolean => present.has(id) && present.get(id) === undefined;
  const kept = before.filter((link) => {
    const from = splitEnd(link.from).brick;
    const to = splitEnd(link.to).brick;
    return present.has(from) && present.has(to) && (isUnknown(from) || isUnknown(to));
  });
  const fed = new Set(kept.map((link) => link.to));
  const wired = wire(
    bricks.map((brick) => {
      const info = present.get(brick.id);
      return { id: brick.id, inputs: info?.inputs ?? [], outputs: info?.outputs ?? [] };
    }),
  );
  return [...kept, ...wired.filter((link) => !fed.has(link.to))];
}

/** What each brick is called on screen: its label, numbered from the second of a kind on. */
export function titles(document: WorkflowDocument, catalog: Catalog): Map<string, string> {
  const seen = new Map<string, number>();
  return new Map(
    document.bricks.map((brick) => {
      const label = newest(catalog, brick.brick)?.label ?? brick.brick;
      const count = (seen.get(label) ?? 0) + 1;
      seen.set(label, count);
      return [brick.id, count === 1 ? label : `${label} ${count}`];
    }),
  );
}

/** The required inputs of a brick that nothing feeds. */
export function openInputs(document: WorkflowDocument, info: BrickInfo, id: string): string[] {
  const fed = new Set(document.links.map((link) => link.to));
  return info.inputs.filter((port) => port.required && !fed.has(`${id}.${port.name}`)).map((port) => port.label || port.name);
}
