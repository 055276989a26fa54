/**
 * What travels over the HTTP API, as plain data. The types come from the server's OpenAPI document (`npm run types`);
 * here they get the names the app uses, and what the document leaves open is said more exactly.
 */
import type { components } from "./api.gen.js";

type Schemas = components["schemas"];

/** `T` with some fields said more exactly. */
type Exactly<T, Fields> = Omit<T, keyof Fields> & Fields;

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, Json>;

export type Category = "input" | "generator" | "setting" | "output";
export type PortKind = "image" | "mask" | "text" | "number" | "boolean" | "json" | "tensor" | "any";

export type Port = Exactly<Schemas["PortView"], { kind: PortKind }>;
export type BrickInfo = Exactly<Schemas["BrickView"], { category: Category; inputs: Port[]; outputs: Port[]; params_schema: JsonObject }>;
/** A brick or model that is there and can't be used. */
export type Refusal = Schemas["RefusedView"];
export type Model = Schemas["ModelView"];
/** One fault of a document, at a brick and a port or parameter where it is known. */
export type Problem = Schemas["ProblemBody"];
export type Grant = Pick<Schemas["GrantView"], "id" | "brick" | "import" | "scope">;
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

export interface WorkflowDocument {
  version: number;
  name: string;
  bricks: BrickInstance[];
  links: Link[];
  layout?: Layout;
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
export type ProgressEvent = Exactly<Schemas["ProgressUpdate"], { note?: string | null }>;
export type PreviewEvent = Schemas["Preview"];
