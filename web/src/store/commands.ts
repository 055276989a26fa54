/** Every edit of a document is a command: plain data that can be stored, done, and answered by its inverse. */
import type { BrickInstance, Json, Link, Lock, WorkflowDocument } from "../net/types.js";
import { findBrick, isCollapsed, withStrip } from "./document.js";

/** One parameter; without `value` it goes back to the brick's default. */
export interface ParamChange {
  name: string;
  value?: Json;
}

export type Command =
  | { kind: "set-params"; brick: string; changes: ParamChange[] }
  | { kind: "rename"; name: string }
  | { kind: "collapse"; brick: string; collapsed: boolean }
  | { kind: "insert"; brick: BrickInstance; at: number; links: Link[]; collapsed: boolean }
  | { kind: "remove"; brick: string; links: Link[] }
  | { kind: "move"; brick: string; to: number; links: Link[] }
  | Patch
  | { kind: "replace"; document: WorkflowDocument };

/** Several bricks, the links and the lock at once: those given take the place of what is there. */
export interface Patch {
  kind: "patch";
  bricks?: BrickInstance[];
  links?: Link[];
  /** `null` takes the lock away. */
  lock?: Lock | null;
}

export interface Applied {
  document: WorkflowDocument;
  /** Brings the document back to what it was. */
  inverse: Command;
}

/** Does a command; `undefined` when it names a brick that is not there or changes nothing. */
export function apply(document: WorkflowDocument, command: Command): Applied | undefined {
  switch (command.kind) {
    case "set-params":
      return setParams(document, command.brick, command.changes);
    case "rename":
      if (command.name === document.name) return undefined;
      return { document: { ...document, name: command.name }, inverse: { kind: "rename", name: document.name } };
    case "collapse":
      return collapse(document, command.brick, command.collapsed);
    case "insert":
      return insert(document, command);
    case "remove":
      return remove(document, command);
    case "move":
      return move(document, command);
    case "patch":
      return patch(document, command);
    case "replace":
      return { document: command.document, inverse: { kind: "replace", document } };
  }
}

function setParams(document: WorkflowDocument, id: string, changes: ParamChange[]): Applied | undefined {
  const brick = findBrick(document, id);
  if (!brick) return undefined;
  const params = { ...brick.params };
  const before: ParamChange[] = [];
  for (const { name, value } of changes) {
    const old = params[name];
    before.push(old === undefined ? { name } : { name, value: old });
    if (value === undefined) Reflect.deleteProperty(params, name);
    else params[name] = value;
  }
  if (same(params, brick.params)) return undefined;
  const bricks = document.bricks.map((candidate) => (candidate.id === id ? { ...candidate, params } : candidate));
  return { document: { ...document, bricks }, inverse: { kind: "set-params", brick: id, changes: before } };
}

function collapse(document: WorkflowDocument, id: string, collapsed: boolean): Applied | undefined {
  if (!findBrick(document, id) || isCollapsed(document, id) === collapsed) return undefined;
  return { document: markCollapsed(document, id, collapsed), inverse: { kind: "collapse", brick: id, collapsed: !collapsed } };
}

/** Keeps the list in strip order, so that undo gives the very same document. */
function markCollapsed(document: WorkflowDocument, id: string, collapsed: boolean): WorkflowDocument {
  const folded = new Set(document.layout?.collapsed ?? []);
  if (collapsed) folded.add(id);
  else folded.delete(id);
  return inStripOrder({ ...document, layout: { ...document.layout, collapsed: [...folded] } });
}

function inStripOrder(document: WorkflowDocument): WorkflowDocument {
  const place = new Map(document.bricks.map((brick, index) => [brick.id, index]));
  const collapsed = [...(document.layout?.collapsed ?? [])].sort((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0));
  return withStrip({ ...document, layout: { ...document.layout, collapsed } });
}

function insert(document: WorkflowDocument, command: Extract<Command, { kind: "insert" }>): Applied | undefined {
  const { brick, at, links, collapsed } = command;
  if (findBrick(document, brick.id)) return undefined;
  const grown = withStrip({ ...document, links, bricks: document.bricks.toSpliced(at, 0, brick) });
  return {
    document: collapsed ? markCollapsed(grown, brick.id, true) : grown,
    inverse: { kind: "remove", brick: brick.id, links: document.links },
  };
}

function remove(document: WorkflowDocument, command: Extract<Command, { kind: "remove" }>): Applied | undefined {
  const at = document.bricks.findIndex((brick) => brick.id === command.brick);
  const brick = document.bricks[at];
  if (!brick) return undefined;
  const collapsed = isCollapsed(document, brick.id);
  return {
    document: withStrip({ ...document, links: command.links, bricks: document.bricks.toSpliced(at, 1) }),
    inverse: { kind: "insert", brick, at, links: document.links, collapsed },
  };
}

function move(document: WorkflowDocument, command: Extract<Command, { kind: "move" }>): Applied | undefined {
  const from = document.bricks.findIndex((brick) => brick.id === command.brick);
  const brick = document.bricks[from];
  if (!brick || from === command.to) return undefined;
  const bricks = document.bricks.toSpliced(from, 1).toSpliced(command.to, 0, brick);
  return {
    document: inStripOrder({ ...document, links: command.links, bricks }),
    inverse: { kind: "move", brick: brick.id, to: from, links: document.links },
  };
}

function patch(document: WorkflowDocument, { bricks = [], links, lock }: Patch): Applied | undefined {
  const fresh = new Map(bricks.map((brick) => [brick.id, brick]));
  const before = document.bricks.filter((brick) => fresh.has(brick.id) && !same(fresh.get(brick.id), brick));
  const inverse: Patch = { kind: "patch" };
  let next = document;
  if (before.length > 0) {
    inverse.bricks = before;
    next = { ...next, bricks: document.bricks.map((brick) => (before.includes(brick) ? (fresh.get(brick.id) ?? brick) : brick)) };
  }
  if (links && !same(links, document.links)) {
    inverse.links = document.links;
    next = { ...next, links };
  }
  if (lock !== undefined && !same(lock, document.lock ?? null)) {
    inverse.lock = document.lock ?? null;
    next = withLock(next, lock);
  }
  return next === document ? undefined : { document: next, inverse };
}

function withLock(document: WorkflowDocument, lock: Lock | null): WorkflowDocument {
  if (lock) return { ...document, lock };
  const unlocked = { ...document };
  delete unlocked.lock;
  return unlocked;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
