/** Bricks, documents and jobs that the tests share. */
import type { BrickInfo, Category, Job, JsonObject, Port, PortKind, WorkflowDocument } from "../src/net/types.js";
import { type Catalog, catalogOf, newest } from "../src/store/catalog.js";
import { rewire, withStrip } from "../src/store/document.js";
import type { OtherNews } from "../src/store/runs.js";

function port(name: string, kind: PortKind, required = false, many = false): Port {
  return { name, kind, label: name, required, many, doc: "" };
}

function brick(id: string, label: string, category: Category, inputs: Port[], outputs: Port[], properties: JsonObject = {}): BrickInfo {
  const schema = { type: "object", properties };
  const metrics = { runs: 0, failures: 0, traps: 0, swaps: 0, cpu_ms: 0, peak_memory: 0, bytes_copied: 0, denied: 0, would_deny: 0 };
  return { id, version: "0.1.0", digest: `blake3:${label}`, label, category, doc: "", inputs, outputs, params_schema: schema, uses: [],
    granted: [], pure: true, heavy: false, place: `/bricks/${id}`, place_id: id, health: "serving", versions: [], metrics, asks: [],
    stateful: false, migrates: false };
}

export const infos: BrickInfo[] = [
  brick("qpyt:prompt", "Prompt", "input", [], [port("prompt", "text"), port("negative", "text")]),
  brick("qpyt:styles", "Styles", "input", [port("prompt", "text", true), port("negative", "text")], [port("prompt", "text"), port("negative", "text")]),
  brick("qpyt:settings", "Settings", "setting", [], [port("settings", "json")]),
  brick(
    "qpyt:render",
    "Render",
    "generator",
    [port("prompt", "text", true), port("negative", "text"), port("settings", "json"), port("image", "image")],
    [port("image", "image", false, true), port("info", "json")],
  ),
  brick("qpyt:image-out", "Final output", "output", [port("image", "image", true, true), port("info", "json")], [port("image", "image", false, true)]),
];

export const catalog: Catalog = catalogOf(infos);

/** The catalog with one brick changed, as after a swap. */
export function withBrick(id: string, change: Partial<BrickInfo>, before: Catalog = catalog): Catalog {
  const bricks = [...before.values()].flat().map((known) => (known.id === id ? { ...known, ...change } : known));
  return catalogOf(bricks, before);
}

export function info(id: string): BrickInfo {
  const found = newest(catalog, id);
  if (!found) throw new Error(`no brick ${id} among the fixtures`);
  return found;
}

export function firstPicture(): WorkflowDocument {
  const names: [string, string][] = [
    ["prompt", "qpyt:prompt"],
    ["styles", "qpyt:styles"],
    ["settings", "qpyt:settings"],
    ["render", "qpyt:render"],
    ["output", "qpyt:image-out"],
  ];
  const bricks = names.map(([id, kind]) => ({ id, brick: kind, requires: "^0.1", params: {} }));
  const document = withStrip({ version: 1, name: "First picture", bricks, links: [], layout: { collapsed: ["settings"] } });
  return { ...document, links: rewire(bricks, [], catalog) };
}

export function job(id: string, change: Partial<Job> = {}): Job {
  return {
    id,
    number: 1,
    name: "First picture",
    state: "queued",
    stopping: false,
    lane: "accelerator",
    attempt: 1,
    created_at: "2026-01-01T00:00:00Z",
    bricks: Object.fromEntries(firstPicture().bricks.map((instance) => [instance.id, { state: "pending" as const }])),
    results: [],
    last_seq: 1,
    ...change,
  };
}

/** Nobody listens to what the jobs have to tell. */
export const noNews: OtherNews = { refresh: () => Promise.resolve(), opened: () => undefined, bricks: () => undefined, models: () => undefined, denied: () => undefined };

/** Numbers that look random and are the same on every run (a linear congruential generator, Numerical Recipes). */
export function dice(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
