/** What the views show, computed from the state. */
import { bytes } from "../i18n/amounts.js";
import { progressText } from "../i18n/progress.js";
import { t } from "../i18n/text.js";
import { asText } from "../net/json.js";
import type { BrickInfo, BrickInstance, BrickRun, Job, Json, JsonObject, Preview, Problem, Result, ValueSummary, WorkflowDocument } from "../net/types.js";
import { splitEnd } from "../ports/wiring.js";
import { type Catalog, infoFor } from "./catalog.js";
import { findBrick, isCollapsed, openInputs, titles } from "./document.js";
import { type Drawing, drawingsOf, isDrawing, isTooLarge } from "./drawings.js";
import { isFinished } from "./jobs.js";
import type { LivePreview } from "./live-previews.js";
import { type MaskPainter, painterFor } from "./mask-painter.js";
import type { Picture, State } from "./state.js";

export type LedState = "ready" | "missing" | "waiting" | "running" | "done" | "cached" | "failed" | "unknown";

export interface CardView {
  brick: BrickInstance;
  /** `undefined` while its brick is not installed. */
  info: BrickInfo | undefined;
  title: string;
  collapsed: boolean;
  position: number;
  count: number;
  run: BrickRun | undefined;
  preview: Preview | undefined;
  live: LivePreview | undefined;
  pictures: Picture[];
  drawings: Drawing[];
  /** `<input labels>\n<title of the brick that feeds them>` */
  wires: string[];
  /** `<output label>\n<value>` of what an output brick says in words. */
  told: string[];
  /** `<output label>\n<value>` of what a model has written here, also while it writes. */
  words: string[];
  /** What there is to know of what it made, such as what of the request was left out. */
  notes: readonly string[];
  open: string[];
  /** What could paint the mask that is missing. */
  maskPainter: MaskPainter | undefined;
  problems: Problem[];
  led: LedState;
  lastSeed: number | undefined;
}

const NONE: readonly string[] = [];

const titleCache = new WeakMap<WorkflowDocument, { catalog: Catalog; titles: Map<string, string> }>();

export function titlesOf(state: State): Map<string, string> {
  const cached = titleCache.get(state.document);
  if (cached && cached.catalog === state.catalog) return cached.titles;
  const fresh = { catalog: state.catalog, titles: titles(state.document, state.catalog) };
  titleCache.set(state.document, fresh);
  return fresh.titles;
}

export function shownJob(state: State): Job | undefined {
  return state.shown === undefined ? undefined : state.jobs[state.shown];
}

/** The job that Stop would end: the one shown while it lasts, else the newest unfinished one of this page. */
export function stoppable(state: State): Job | undefined {
  const shown = shownJob(state);
  if (shown && !isFinished(shown)) return shown;
  return state.tracked.map((id) => state.jobs[id]).findLast((job) => job !== undefined && !isFinished(job));
}

/** Whether the document, as it stands, was refused a run. */
export function isRefused(state: State): boolean {
  return state.refusedRun === state.document;
}

export interface RunView {
  /** The brick at work, else the workflow. */
  title: string;
  /** Of the brick at work, 0 to 1. */
  fraction: number;
  text: string;
}

/** How far the job is that Stop would end. */
export function runUnderWay(state: State): RunView | undefined {
  const job = stoppable(state);
  if (!job) return undefined;
  const [id, run] = Object.entries(job.bricks).find(([, candidate]) => candidate.state === "running") ?? [];
  if (id === undefined) return { title: job.name || t("workflow.untitled"), fraction: 0, text: t("state.waiting") };
  return { title: titlesOf(state).get(id) ?? id, fraction: run?.fraction ?? 0, text: progressText(run) };
}

/** Unfinished jobs, the one that runs first. */
export function queue(state: State): string[] {
  return state.jobOrder
    .filter((id) => {
      const job = state.jobs[id];
      return job !== undefined && !isFinished(job);
    })
    .reverse()
    .sort((a, b) => Number(state.jobs[b]?.state === "running") - Number(state.jobs[a]?.state === "running"));
}

export function card(state: State, id: string): CardView | undefined {
  const brick = findBrick(state.document, id);
  if (!brick) return undefined;
  const info = infoFor(state.catalog, state.document.lock, brick);
  const job = shownJob(state);
  const run = job?.bricks[id];
  const open = info ? openInputs(state.document, info, id) : [];
  const problems = state.problems.filter((problem) => problem.brick === id);
  return {
    brick,
    info,
    title: titlesOf(state).get(id) ?? id,
    collapsed: isCollapsed(state.document, id),
    position: state.document.bricks.indexOf(brick),
    count: state.document.bricks.length,
    run,
    preview: job?.preview?.brick === id ? job.preview : undefined,
    live: state.livePreviews[id],
    pictures: madeAt(state, info, (made) => picturesOf(made, id)),
    drawings: madeAt(state, info, (made) => drawingsOf(made, id)),
    wires: wires(state, id, info),
    told: told(info, run),
    words: words(info, run),
    notes: run?.notes ?? NONE,
    open,
    maskPainter: painterFor(state, id),
    problems,
    led: led(state, info, job, run, open.length + problems.length),
    lastSeed: lastSeed(job),
  };
}

function led(state: State, info: BrickInfo | undefined, job: Job | undefined, run: BrickRun | undefined, faults: number): LedState {
  if (!info) return state.catalogLoaded ? "unknown" : "ready";
  if (run?.state === "running" && job?.state === "running") return "running";
  if (run?.state === "failed") return "failed";
  if (faults > 0) return "missing";
  if (job && !isFinished(job) && (run === undefined || run.state === "pending")) return "waiting";
  if (run?.state === "done" || run?.state === "cached") return run.state;
  return "ready";
}

function wires(state: State, id: string, info: BrickInfo | undefined): string[] {
  const labels = new Map<string, string[]>();
  for (const link of state.document.links) {
    const to = splitEnd(link.to);
    if (to.brick !== id) continue;
    const from = splitEnd(link.from).brick;
    const label = info?.inputs.find((port) => port.name === to.port)?.label ?? "";
    labels.set(from, [...(labels.get(from) ?? []), label || to.port]);
  }
  return [...labels].map(([from, inputs]) => `${inputs.join(", ")}\n${titlesOf(state).get(from) ?? from}`);
}

/** The interfaces of bricks that let a model write. */
const WRITING = ["qpyt:ai/language", "qpyt:ai/vision"];

function words(info: BrickInfo | undefined, run: BrickRun | undefined): string[] {
  if (info?.category !== "input" || !info.uses.some((name) => WRITING.includes(name))) return [];
  if (run?.state === "running") return run.text ? [`\n${run.text}`] : [];
  return info.outputs.flatMap((port) =>
    (run?.outputs?.[port.name] ?? []).flatMap((summary) => (summary.kind === "text" && summary.value ? [`${port.label}\n${summary.value}`] : [])),
  );
}

function told(info: BrickInfo | undefined, run: BrickRun | undefined): string[] {
  if (info?.category !== "output") return [];
  return info.outputs.flatMap((port) =>
    (run?.outputs?.[port.name] ?? []).flatMap((summary) => {
      if (summary.kind !== "text" && summary.kind !== "json") return [];
      const values = Array.isArray(summary.value) ? summary.value : [summary.value];
      return values.map(asText).filter((text) => !isDrawing(text) || isTooLarge(text)).map((text) => `${port.label}\n${inWords(text)}`);
    }),
  );
}

function inWords(text: string): string {
  return isDrawing(text) ? t("drawing.tooLarge", { size: bytes(text.length) }) : text;
}

const pictureCache = new WeakMap<object, Picture>();

/** What a brick shows: that of the shown job, or what was before until there is something new. */
function madeAt<Made>(state: State, info: BrickInfo | undefined, madeIn: (job: Job) => Made[]): Made[] {
  if (info?.category !== "generator" && info?.category !== "output") return [];
  const shown = shownJob(state);
  const fresh = shown ? madeIn(shown) : [];
  if (fresh.length > 0 || (shown && isFinished(shown))) return fresh;
  const before = state.shownBefore === undefined ? undefined : state.jobs[state.shownBefore];
  return before ? madeIn(before) : [];
}

/** The pictures that a brick made in a job: what it filed in the gallery, else what it handed on. */
export function picturesOf(job: Job, id: string): Picture[] {
  const filed = job.results.filter((result) => result.brick === id);
  if (filed.length > 0) return filed.map(fromResult);
  const outputs = job.bricks[id]?.outputs ?? {};
  const info = infoOf(outputs["info"]);
  return Object.values(outputs)
    .flat()
    .flatMap((value, index) => (value.kind === "image" ? [fromValue(job, value, info, index)] : []));
}

export function fromResult(result: Result): Picture {
  const cached = pictureCache.get(result);
  if (cached) return cached;
  const { image, file, container, width, height, title, info } = result;
  const picture = { digest: image, file, container, width, height, title, info };
  pictureCache.set(result, picture);
  return picture;
}

function fromValue(job: Job, value: Extract<ValueSummary, { kind: "image" | "mask" }>, info: JsonObject, index: number): Picture {
  const cached = pictureCache.get(value);
  if (cached) return cached;
  const seed = Array.isArray(info["seeds"]) ? info["seeds"][index] : undefined;
  const picture: Picture = {
    digest: value.digest,
    file: value.digest,
    container: "png",
    width: value.width,
    height: value.height,
    title: job.name,
    info: seed === undefined ? info : { ...info, seed },
  };
  pictureCache.set(value, picture);
  return picture;
}

function infoOf(values: ValueSummary[] | undefined): JsonObject {
  const value = values?.[0];
  if (value?.kind !== "json") return {};
  const parsed: unknown = typeof value.value === "string" ? tryParse(value.value) : value.value;
  return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? (parsed as JsonObject) : {};
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The seed a picture was made from, wherever its brick put it. */
export function seedOf(info: JsonObject): Json | undefined {
  return info["seed"] ?? (Array.isArray(info["seeds"]) ? info["seeds"][0] : undefined);
}

function lastSeed(job: Job | undefined): number | undefined {
  const result = job?.results[0];
  const seed = result && seedOf(result.info);
  return typeof seed === "number" ? seed : undefined;
}
