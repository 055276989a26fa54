/** How events change what is known of jobs. Pure: takes a job and gives the next, sharing all that did not change. */
import { asText } from "../net/json.js";
import type {
  BrickRun,
  Job,
  JobError,
  JobEvent,
  JobState,
  JsonObject,
  PreviewEvent,
  ProgressEvent,
  Result,
} from "../net/types.js";

export type Jobs = Readonly<Record<string, Job>>;

const FINISHED: readonly JobState[] = ["succeeded", "failed", "cancelled"];

/** Whether a job is over for good; an interrupted one is queued again by the server. */
export function isFinished(job: Job): boolean {
  return FINISHED.includes(job.state);
}

/** The job after a persisted event. Events that the job already knows change nothing. */
export function afterEvent(job: Job, event: JobEvent): Job {
  if (event.seq <= job.last_seq) return job;
  return { ...job, ...changes(job, event), last_seq: event.seq };
}

function changes(job: Job, event: JobEvent): Partial<Job> {
  const data = event.data;
  switch (event.kind) {
    case "queued":
      return { state: "queued", started_at: null, preview: null };
    case "started":
      return { state: "running", started_at: event.at, position: null, error: null };
    case "brick-started":
      return withBrick(job, data, () => ({ state: "running" }));
    case "brick-finished":
      return { ...withBrick(job, data, () => finishedBrick(data)), ...droppedPreview(job, data) };
    case "brick-failed":
      return withBrick(job, data, (run) => ({ ...run, state: "failed" }));
    case "result":
      return { results: withResult(job.results, data["result"] as unknown as Result) };
    case "succeeded":
    case "cancelled":
    case "interrupted":
      return ended(job, event.kind, event.at);
    case "failed":
      return { ...ended(job, "failed", event.at), error: data["error"] as unknown as JobError };
    default:
      return {};
  }
}

function finishedBrick(data: JsonObject): BrickRun {
  const { outputs, notes } = data as unknown as Pick<BrickRun, "outputs" | "notes">;
  return { state: data["cached"] === true ? "cached" : "done", fraction: 1, ...(outputs ? { outputs } : {}), ...(notes?.length ? { notes } : {}) };
}

function droppedPreview(job: Job, data: JsonObject): Partial<Job> {
  return job.preview?.brick === data["brick"] ? { preview: null } : {};
}

function ended(job: Job, state: JobState, at: string): Partial<Job> {
  const bricks = Object.fromEntries(
    Object.entries(job.bricks).map(([id, run]) => [id, run.state === "running" ? { ...run, state: "skipped" as const } : run]),
  );
  return { state, bricks, stopping: false, preview: null, position: null, ...(state === "interrupted" ? {} : { finished_at: at }) };
}

function withResult(results: Result[], result: Result): Result[] {
  return results.some((known) => known.id === result.id) ? results : [...results, result];
}

function withBrick(job: Job, data: JsonObject, next: (run: BrickRun) => BrickRun): Partial<Job> {
  const id = asText(data["brick"]);
  return { bricks: { ...job.bricks, [id]: next(job.bricks[id] ?? { state: "pending" }) } };
}

/** The job after news of how far a brick is. */
export function afterProgress(job: Job, event: ProgressEvent): Job {
  const { brick, fraction, step, steps, note, notes, text } = event;
  const before = job.bricks[brick];
  if (isFinished(job) || before?.state === "done" || before?.state === "cached" || before?.state === "failed") return job;
  return {
    ...job,
    bricks: {
      ...job.bricks,
      [brick]: { ...before, state: "running", fraction, step: step ?? null, steps: steps ?? null, note: note ?? null, ...(notes?.length ? { notes } : {}), text: text ?? before?.text ?? null },
    },
  };
}

/** The job with the newest preview. */
export function afterPreview(job: Job, event: PreviewEvent): Job {
  const run = job.bricks[event.brick];
  if (isFinished(job) || run?.state === "done" || run?.state === "cached") return job;
  const { brick, step, steps, image } = event;
  return { ...job, preview: { brick, step, steps, image } };
}

/**
 * A whole answer of the server, unless what is known is newer. The document is taken when the job is over: what its
 * bricks and models were is written into it while it runs.
 */
export function merged(known: Job | undefined, answer: Job): Job {
  const { document: asAnswered, ...fresh } = answer;
  if (known && known.last_seq > fresh.last_seq) return known;
  const document = (isFinished(fresh) ? asAnswered : undefined) ?? known?.document;
  const preview = fresh.preview ?? (isFinished(fresh) ? null : known?.preview ?? null);
  return { ...fresh, ...(document ? { document } : {}), preview };
}

/** How far the whole job is, 0 to 1, counting each brick the same. */
export function overallFraction(job: Job): number {
  const runs = Object.values(job.bricks);
  if (runs.length === 0) return 0;
  const part = (run: BrickRun): number =>
    run.state === "running" ? run.fraction ?? 0 : run.state === "pending" ? 0 : 1;
  return runs.reduce((sum, run) => sum + part(run), 0) / runs.length;
}
