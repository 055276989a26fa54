/** What the app knows, as plain data, and the one place that holds it. */
import type {
  AuditCall,
  Broken,
  CatalogueModel,
  Grant,
  Job,
  JsonObject,
  LogLine,
  Model,
  Network,
  PresetEntry,
  Problem,
  Refusal,
  Secret,
  WorkflowDocument,
  WorkflowEntry,
} from "../net/types.js";
import type { Catalog, Seen } from "./catalog.js";
import { EMPTY_DOCUMENT } from "./document.js";
import type { Drawing } from "./drawings.js";
import { type History, NO_HISTORY } from "./history.js";
import type { Jobs } from "./jobs.js";
import type { LivePreview } from "./live-previews.js";

export type Panel = "add" | "workflows" | "history" | "queue" | "bricks" | "models" | "help";

/** A card at the top of the page that stays until it is dismissed or its cause is gone. */
export interface Notice {
  /** One notice per key: a newer one replaces it. */
  key: string;
  tone: "error" | "warning" | "info";
  title: string;
  message: string;
  details?: string[];
  /** The brick it is about, offered as a way there. */
  brick?: string;
}

export interface Toast {
  id: number;
  message: string;
}

/** A picture as cards and the lightbox show it. */
export interface Picture {
  digest: string;
  /** The encoded file to download. */
  file: string;
  container: string;
  width: number;
  height: number;
  title: string;
  info: JsonObject;
}

export interface Lightbox {
  pictures: Picture[];
  /** Drawings of the pictures, in the same order, where there are any. */
  drawings: Drawing[];
  index: number;
  /** Whether the drawing shows rather than the picture. */
  vector: boolean;
  /** Digests of what the pictures were made from, in the same order, where that is known. */
  before?: string[];
  /** Whether the picture shows beside what it was made from. */
  comparing?: boolean;
}

/** A parameter whose mask is being painted. */
export interface MaskTask {
  brick: string;
  param: string;
}

/** What the page of bricks shows beside its list: a brick by its id, or one of the pages about all of them. */
export type BrickPage = { kind: "brick"; id: string; place: string } | { kind: "refused" } | { kind: "secrets" };

/** What a brick said and did lately. */
export interface Inspection {
  brick: string;
  log: readonly LogLine[];
  calls: readonly AuditCall[];
}

/** Where fetched models go, and how many bytes are free there if the system tells. */
export interface ModelRoom {
  folder: string;
  free: number | undefined;
}

export type Connection = "connecting" | "online" | "reconnecting";

export interface State {
  document: WorkflowDocument;
  history: History;
  /** Whether the document was edited since it was last saved or loaded. */
  dirty: boolean;
  /** The name under which the document is stored on the server. */
  savedName: string | undefined;
  catalog: Catalog;
  catalogLoaded: boolean;
  /** The versions that the document's parameters were last seen with, as `seenIn` names them. */
  seen: Seen;
  /** Binaries that were not let in. */
  refused: Refusal[];
  /** Refusals that came while the page was open, and those the person put away, as `refusalKey` names them. */
  freshRefusals: readonly string[];
  dismissedRefusals: readonly string[];
  /** Bricks, by id, that ask the person for something now. */
  asking: readonly string[];
  brickPage: BrickPage | undefined;
  inspection: Inspection | undefined;
  secrets: readonly Secret[];
  network: Network | undefined;
  /** Models by family, once asked for. */
  models: Readonly<Record<string, Model[]>>;
  brokenModels: Broken[];
  /** Files in which no model that is known is. */
  unknownModels: Broken[];
  /** The models that can be fetched, once asked for. */
  catalogue: readonly CatalogueModel[];
  modelRoom: ModelRoom | undefined;
  /** Installed models that the catalogue does not know. */
  ownModels: readonly Model[];
  /** The model that the page of models was opened for. */
  modelAt: string | undefined;
  grants: Grant[];
  workflows: WorkflowEntry[];
  presets: PresetEntry[];
  jobs: Jobs;
  /** Ids of the known jobs, newest first. */
  jobOrder: readonly string[];
  moreJobs: boolean;
  /** Unfinished jobs that were started here. */
  tracked: readonly string[];
  /** The job whose progress and pictures the bricks show. */
  shown: string | undefined;
  /** The job shown before, whose pictures stay until new ones come. */
  shownBefore: string | undefined;
  /** What bricks would make with the parameters as they stand, by instance. */
  livePreviews: Readonly<Record<string, LivePreview>>;
  submitting: boolean;
  problems: Problem[];
  /** The document whose run was refused because of the problems. */
  refusedRun: WorkflowDocument | undefined;
  connection: Connection;
  notices: Notice[];
  toasts: Toast[];
  panel: Panel | undefined;
  lightbox: Lightbox | undefined;
  maskTask: MaskTask | undefined;
  /** What a screen reader is told next. */
  announcement: string;
}

export const INITIAL: State = {
  document: EMPTY_DOCUMENT,
  history: NO_HISTORY,
  dirty: false,
  savedName: undefined,
  catalog: new Map(),
  catalogLoaded: false,
  seen: {},
  refused: [],
  freshRefusals: [],
  dismissedRefusals: [],
  asking: [],
  brickPage: undefined,
  inspection: undefined,
  secrets: [],
  network: undefined,
  models: {},
  brokenModels: [],
  unknownModels: [],
  catalogue: [],
  modelRoom: undefined,
  ownModels: [],
  modelAt: undefined,
  grants: [],
  workflows: [],
  presets: [],
  jobs: {},
  jobOrder: [],
  moreJobs: false,
  tracked: [],
  shown: undefined,
  shownBefore: undefined,
  livePreviews: {},
  submitting: false,
  problems: [],
  refusedRun: undefined,
  connection: "connecting",
  notices: [],
  toasts: [],
  panel: undefined,
  lightbox: undefined,
  maskTask: undefined,
  announcement: "",
};

const MAX_TOASTS = 2;

export class Store {
  #state: State;
  /** How many toasts there were, so that none gets the id of one that is gone. */
  #toasts = 0;
  readonly #listeners = new Set<() => void>();

  constructor(initial: Partial<State> = {}) {
    this.#state = { ...INITIAL, ...initial };
  }

  get state(): State {
    return this.#state;
  }

  set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of [...this.#listeners]) listener();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  putJob(job: Job): void {
    const { jobs, jobOrder } = this.#state;
    const known = job.id in jobs;
    this.set({ jobs: { ...jobs, [job.id]: job }, ...(known ? {} : { jobOrder: byAge([job, ...jobOrder.map((id) => jobs[id])]) }) });
  }

  putJobs(fresh: Job[]): void {
    const jobs = { ...this.#state.jobs };
    for (const job of fresh) jobs[job.id] = job;
    this.set({ jobs, jobOrder: byAge(Object.values(jobs)) });
  }

  dropJob(id: string): void {
    const { jobs, jobOrder, tracked, shown, shownBefore } = this.#state;
    this.set({
      jobs: Object.fromEntries(Object.entries(jobs).filter(([known]) => known !== id)),
      jobOrder: jobOrder.filter((known) => known !== id),
      tracked: tracked.filter((known) => known !== id),
      shown: shown === id ? undefined : shown,
      shownBefore: shownBefore === id ? undefined : shownBefore,
    });
  }

  notify(notice: Notice): void {
    this.set({ notices: [...this.#state.notices.filter((known) => known.key !== notice.key), notice] });
  }

  dismiss(key: string): void {
    const { notices } = this.#state;
    if (notices.some((notice) => notice.key === key)) this.set({ notices: notices.filter((notice) => notice.key !== key) });
  }

  toast(message: string): void {
    this.#toasts += 1;
    const toast = { id: this.#toasts, message };
    this.set({ toasts: [...this.#state.toasts, toast].slice(-MAX_TOASTS), announcement: message });
  }

  dropToast(id: number): void {
    this.set({ toasts: this.#state.toasts.filter((toast) => toast.id !== id) });
  }
}

/** Ids, newest first. */
function byAge(jobs: (Job | undefined)[]): string[] {
  return jobs
    .filter((job) => job !== undefined)
    .sort((a, b) => b.number - a.number)
    .map((job) => job.id);
}
