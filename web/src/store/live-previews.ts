/** What bricks would make with the parameters as they stand: asked for while a person changes them, the newest only. */
import { ApiError, type Client } from "../net/client.js";
import type { BrickInfo, BrickInstance, Job, WorkflowDocument } from "../net/types.js";
import { infoFor } from "./catalog.js";
import { findBrick } from "./document.js";
import { isFinished } from "./jobs.js";
import { shownJob } from "./selectors.js";
import type { State, Store } from "./state.js";
import { uuid } from "./uuid.js";
import { watch } from "./watch.js";

/** A picture that a brick would make. */
export interface LivePreview {
  picture: Blob;
  /** Counts up, so that one can be told from the next. */
  number: number;
}

/** The preview of a brick that is on its way. */
interface Asking {
  stop: AbortController;
  /** Whether the parameters have changed since it was asked for. */
  again: boolean;
}

export class LivePreviews {
  readonly #page = uuid();
  readonly #asking = new Map<string, Asking>();
  #document: WorkflowDocument;
  #count = 0;

  constructor(
    private readonly store: Store,
    private readonly client: Client,
  ) {
    this.#document = store.state.document;
    watch(store, ({ document }) => [document.bricks, document.links], () => this.#edited());
    watch(store, lastRun, () => this.#ran());
  }

  /** Asks for previews of what was edited, and again for those that show and may look different now. */
  #edited(): void {
    const before = this.#document;
    const { state } = this.store;
    this.#document = state.document;
    for (const id of Object.keys(state.livePreviews)) if (!findBrick(state.document, id)) this.#drop(id);
    for (const brick of state.document.bricks) {
      const isEdited = findBrick(before, brick.id)?.params !== brick.params;
      if (!isEdited && !(brick.id in state.livePreviews)) continue;
      if (differs(state, brick)) this.#ask(brick.id);
      else this.#drop(brick.id);
    }
  }

  /** A run shows better what bricks make. */
  #ran(): void {
    for (const id of new Set([...this.#asking.keys(), ...Object.keys(this.store.state.livePreviews)])) this.#drop(id);
  }

  /** The next is asked for when the last was answered, so however fast a slider goes, one is under way. */
  #ask(id: string): void {
    const asking = this.#asking.get(id);
    if (asking) asking.again = true;
    else void this.#fetch(id);
  }

  async #fetch(id: string): Promise<void> {
    const job = finishedRun(this.store.state);
    if (!job) return;
    const asking: Asking = { stop: new AbortController(), again: false };
    this.#asking.set(id, asking);
    const picture = await this.#picture(id, job, asking.stop.signal);
    if (asking.stop.signal.aborted) return;
    this.#asking.delete(id);
    if (picture) this.#show(id, picture);
    else this.#hide(id);
    if (asking.again) this.#ask(id);
  }

  /** Where there is none, the form goes without: the next run shows what it is about. */
  async #picture(brick: string, job: Job, signal: AbortSignal): Promise<Blob | undefined> {
    try {
      const { document } = this.store.state;
      return await this.client.preview({ document, brick, job: job.id, page: this.#page }, signal);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return undefined;
    }
  }

  #show(id: string, picture: Blob): void {
    this.#count += 1;
    this.store.set({ livePreviews: { ...this.store.state.livePreviews, [id]: { picture, number: this.#count } } });
  }

  #hide(id: string): void {
    const { livePreviews } = this.store.state;
    if (!(id in livePreviews)) return;
    this.store.set({ livePreviews: Object.fromEntries(Object.entries(livePreviews).filter(([known]) => known !== id)) });
  }

  #drop(id: string): void {
    this.#asking.get(id)?.stop.abort();
    this.#asking.delete(id);
    this.#hide(id);
  }
}

/** The finished job whose outputs are shown. */
function finishedRun(state: State): Job | undefined {
  const before = state.shownBefore === undefined ? undefined : state.jobs[state.shownBefore];
  return [shownJob(state), before].find((job) => job !== undefined && isFinished(job));
}

function lastRun(state: State): string | undefined {
  return finishedRun(state)?.id;
}

/** Whether a brick offers previews, and would make something other than in the run that shows. */
function differs(state: State, brick: BrickInstance): boolean {
  const info = infoFor(state.catalog, state.document.lock, brick);
  const run = finishedRun(state);
  if (info?.params_schema["x-live-preview"] !== true || !run) return false;
  const ran = run.document ? findBrick(run.document, brick.id) : undefined;
  return !ran || effective(info, ran) !== effective(info, brick);
}

/** The parameters as the brick gets them, in one text. */
function effective(info: BrickInfo, { params }: BrickInstance): string {
  const properties = (info.params_schema["properties"] ?? {}) as Record<string, { default?: unknown }>;
  return JSON.stringify(Object.keys(properties).map((name) => params[name] ?? properties[name]?.default ?? null));
}
