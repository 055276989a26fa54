/** What travels over the HTTP API, as plain data. Field names are the server's. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, Json>;

export type Category = "input" | "generator" | "setting" | "output";
export type PortKind = "image" | "mask" | "text" | "number" | "boolean" | "json" | "tensor" | "any";

export interface Port {
  name: string;
  kind: PortKind;
  label: string;
  required: boolean;
  many: boolean;
  doc: string;
}

export interface BrickInfo {
  id: string;
  version: string;
  digest: string;
  label: string;
  category: Category;
  doc: string;
  inputs: Port[];
  outputs: Port[];
  params_schema: JsonObject;
  uses: string[];
  pure: boolean;
  heavy: boolean;
}

export interface Refusal {
  path: string;
  message: string;
}

export interface Model {
  id: string;
  label: string;
  family: string;
  bytes: number;
  size_multiple: number;
  native_size: number;
}

/** One fault of a document, at a brick and a port or parameter where it is known. */
export interface Problem {
  code: string;
  brick?: string | null;
  name?: string | null;
  message: string;
}

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

export type JobState = "queued" | "running" | "succeeded" | "failed" | "cancelled" | "interrupted";
export type BrickState = "pending" | "running" | "done" | "cached" | "failed" | "skipped";

export type ValueSummary =
  | { kind: "image" | "mask"; digest: string; width: number; height: number }
  | { kind: "text" | "number" | "boolean" | "json"; value: Json }
  | { kind: "tensor"; shape: number[]; digest: string };

export interface BrickRun {
  state: BrickState;
  fraction?: number | null;
  step?: number | null;
  steps?: number | null;
  note?: string | null;
  outputs?: Record<string, ValueSummary[]> | null;
}

export interface JobError {
  code: string;
  message: string;
  brick?: string | null;
  name?: string | null;
}

export interface Preview {
  brick: string;
  step: number;
  steps: number;
  image: string;
}

export interface Result {
  id: number;
  job: string;
  brick: string;
  title: string;
  image: string;
  file: string;
  container: string;
  width: number;
  height: number;
  bytes: number;
  info: JsonObject;
  created_at: string;
}

export interface Job {
  id: string;
  /** Counts the jobs of this studio; later ones have greater numbers. */
  number: number;
  name: string;
  state: JobState;
  /** Asked to stop, but not ended yet. */
  stopping: boolean;
  lane: string;
  position?: number | null;
  attempt: number;
  created_at: string;
  started_at?: string | null;
  finished_at?: string | null;
  error?: JobError | null;
  bricks: Record<string, BrickRun>;
  preview?: Preview | null;
  results: Result[];
  last_seq: number;
  document?: WorkflowDocument | null;
}

/** A persisted event; `kind` says what `data` holds. */
export interface JobEvent {
  seq: number;
  job: string;
  kind: string;
  at: string;
  data: JsonObject;
}

export interface ProgressEvent {
  job: string;
  brick: string;
  fraction: number;
  step?: number | null;
  steps?: number | null;
  note?: string | null;
}

export interface PreviewEvent extends Preview {
  job: string;
}

export interface Grant {
  id: number;
  brick: string;
  import: string;
  scope: string;
}

export interface WorkflowEntry {
  name: string;
  saved_at: string;
}

export interface PresetEntry {
  name: string;
  title: string;
  doc: string;
}

export interface Upload {
  digest: string;
  width: number;
  height: number;
}
