/**
 * What travels over the HTTP API, as plain data. The types come from the server's OpenAPI document (`npm run types`);
 * here they get the names the app uses, and what the document leaves open is said more exactly.
 */
import type { components } from "./api.gen.js";
import type { Exactly } from "./exactly.js";
import type { Json, JsonObject } from "./json.js";

export type * from "./bricks.js";
export type { Json, JsonObject } from "./json.js";

type Schemas = components["schemas"];

export type Model = Schemas["ModelView"];
/** A model of the catalogue and how it stands; also what the stream of events tells of one. */
export type CatalogueModel = Schemas["CatalogueModel"];
export type CatalogueList = Schemas["CatalogueList"];
export type ModelKind = Schemas["ModelKind"];
/** How much fetching a model would take. */
export type PullSize = Schemas["PullSize"];
/** One fault of a document, at a brick and a port or parameter where it is known. */
export type Problem = Schemas["ProblemBody"];
export type WorkflowEntry = Schemas["SavedView"];
export type PresetEntry = Schemas["Preset"];
export type Upload = Schemas["Uploaded"];

export interface BrickInstance {
  id: string;
  brick: string;
  requires?: string;
  params: JsonObject;
  [unknown: string]: Json | undefined;
}

/** `from` and `to` are written `<instance>.<port>`. */
export interface Link {
  from: string;
  to: string;
}

export interface Layout {
  strip?: string[];
  collapsed?: string[];
  [unknown: string]: Json | undefined;
}

/** The binary that a brick was last run with. */
export interface LockedBrick {
  version: string;
  digest: string;
  [unknown: string]: unknown;
}

export interface Lock {
  /** By `brick@requirement`, such as `qpyt:prompt@^0.1`. */
  bricks?: Record<string, LockedBrick>;
  [unknown: string]: unknown;
}

export interface WorkflowDocument {
  version: number;
  name: string;
  bricks: BrickInstance[];
  links: Link[];
  layout?: Layout;
  lock?: Lock;
  [unknown: string]: unknown;
}

export type JobState = Schemas["JobState"];
export type BrickState = Schemas["BrickState"];
export type JobError = Schemas["JobFailure"];
export type Result = Exactly<Schemas["ResultView"], { info: JsonObject }>;

/** What a port carried, in short. */
export type ValueSummary = Exclude<Schemas["ValueSummary"], { kind: "json" }> | { kind: "json"; value: Json };

/** How far a brick of a job is. */
export interface BrickRun {
  state: BrickState;
  fraction?: number | null;
  step?: number | null;
  steps?: number | null;
  note?: string | null;
  /** What there is to know of the result, such as what of the request was left out. */
  notes?: string[] | null;
  text?: string | null;
  outputs?: Record<string, ValueSummary[]> | null;
}

/** A glimpse of the picture in the making; `image` is a data URL. */
export type Preview = Omit<Schemas["Preview"], "job">;

export type Job = Exactly<
  Schemas["JobView"],
  { bricks: Record<string, BrickRun>; results: Result[]; preview?: Preview | null; document?: WorkflowDocument | null }
>;

/** A kept event; `kind` says what `data` holds. */
export type JobEvent = Exactly<Schemas["EventBody"], { data: JsonObject }>;
export type ProgressEvent = Exactly<Schemas["ProgressUpdate"], { note?: string | null; notes?: string[] | null; text?: string | null }>;
export type PreviewEvent = Schemas["Preview"];
