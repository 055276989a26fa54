/** Jobs as this page sees them: starting, stopping, following them by events, and catching up after a gap. */
import { t } from "../i18n/text.js";
import { ApiError, type Client } from "../net/client.js";
import { EventConnection, type EventHandlers } from "../net/events.js";
import type { BricksEvent, CatalogueModel, Job, JobEvent, WorkflowDocument } from "../net/types.js";
import { findBrick } from "./document.js";
import { afterEvent, afterPreview, afterProgress, isFinished, merged } from "./jobs.js";
import { shownJob, stoppable, titlesOf } from "./selectors.js";
import type { Store } from "./state.js";
import { uuid } from "./uuid.js";

const PAGE = 50;

/** What the stream and the jobs tell that is not for the jobs. */
export interface OtherNews {
  /** Called after each (re)connection, for everything that is not a job. */
  refresh(): Promise<void>;
  /** The stream is open for the first time. What is not kept and happened since the first answers was not heard. */
  opened(): void;
  /** Something happened to the installed bricks. */
  bricks(event: BricksEvent): void;
  /** A model stands in another way than before. */
  models(model: CatalogueModel): void;
  /** A run of this page failed because this kind of brick may not do what it tried. */
  denied(brick: string): void;
}

export class Runs {
  /** Jobs that are being asked for because an event named them. */
  readonly #asked = new Set<string>();
  /** Finished jobs whose documents are being asked for. */
  readonly #learning = new Set<string>();
  /** Events of jobs that are not known yet, kept for the answer about them, which may be older. */
  readonly #early = new Map<string, JobEvent[]>();
  /** The greatest event number in the newest list of jobs. */
  #listedSeq = 0;
  #caughtUp = false;
  #connection: EventConnection | undefined;

  constructor(
    private readonly store: Store,
    private readonly client: Client,
    private readonly others: OtherNews,
    private readonly connect: (handlers: EventHandlers, lastSeq: number) => EventConnection = (handlers, lastSeq) =>
      new EventConnection(handlers, lastSeq),
  ) {}

  async start(): Promise<void> {
    await this.#catchUp().catch(() => this.store.set({ connection: "reconnecting" }));
    // Not the greatest number of all: a job asked for after the list may be ahead of events of the others.
    this.#connection = this.connect(this.#handlers(), this.#listedSeq);
    this.#connection.start();
  }

  stopFollowing(): void {
    this.#connection?.stop();
  }

  async submit(): Promise<void> {
    const { document, submitting } = this.store.state;
    if (submitting) return;
    this.store.set({ submitting: true });
    this.store.dismiss("run");
    try {
      const job = await this.client.submit(uuid(), document);
      this.store.putJob(this.#upToDate(job));
      this.#track(job.id);
      this.store.set({ problems: [], refusedRun: undefined, announcement: t("announce.queued") });
    } catch (error) {
      this.#refused(document, error);
    } finally {
      this.store.set({ submitting: false });
    }
  }

  async stop(): Promise<void> {
    const job = stoppable(this.store.state);
    if (job) await this.cancel(job.id);
  }

  async cancel(id: string): Promise<void> {
    await this.#attempt(async () => this.#put(await this.client.cancel(id)));
  }

  async remove(id: string): Promise<void> {
    await this.#attempt(async () => {
      await this.client.deleteJob(id);
      this.store.dropJob(id);
      this.store.toast(t("toast.jobDeleted"));
    });
  }

  async more(): Promise<void> {
    const { jobs, jobOrder } = this.store.state;
    const oldest = jobs[jobOrder.at(-1) ?? ""];
    if (!oldest) return;
    await this.#attempt(async () => {
      const page = await this.client.jobs(PAGE, oldest.number);
      const fresh = page.jobs.filter((job) => !(job.id in jobs));
      this.store.putJobs(fresh.map((job) => this.#upToDate(job)));
      this.store.set({ moreJobs: fresh.length > 0 && page.jobs.length >= PAGE });
    });
  }

  /** The job with the document it ran, asked for when only its summary is known. */
  async whole(id: string): Promise<Job | undefined> {
    const known = this.store.state.jobs[id];
    if (known?.document) return known;
    return this.#attempt(async () => {
      const job = await this.client.job(id);
      this.#put(job);
      return job;
    });
  }

  /** Shows a job's progress and pictures on the bricks. */
  show(id: string | undefined): void {
    const { shown, shownBefore } = this.store.state;
    if (shown === id) return;
    const before = shownJob(this.store.state);
    const keeps = before !== undefined && isFinished(before) && before.state === "succeeded";
    this.store.set({ shown: id, shownBefore: keeps ? shown : shownBefore });
  }

  /** Asks for the document of a finished job, which says what its outputs were made with. */
  async learnDocument(id: string): Promise<void> {
    if (this.#learning.has(id)) return;
    this.#learning.add(id);
    try {
      this.store.putJob(this.#upToDate(await this.client.job(id)));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    } finally {
      this.#learning.delete(id);
    }
  }

  forgetPictures(): void {
    this.store.set({ shown: undefined, shownBefore: undefined });
  }

  #handlers(): EventHandlers {
    return {
      opened: (again) => {
        this.store.set({ connection: "online" });
        this.store.dismiss("server");
        if (again || !this.#caughtUp) void this.#catchUp().catch(() => undefined);
        else this.others.opened();
      },
      lost: () => this.store.set({ connection: "reconnecting" }),
      job: (event) => this.#event(event),
      progress: (event) => this.#change(event.job, (job) => afterProgress(job, event)),
      preview: (event) => this.#change(event.job, (job) => afterPreview(job, event)),
      bricks: (event) => this.others.bricks(event),
      models: (model) => this.others.models(model),
    };
  }

  #change(id: string, next: (job: Job) => Job): void {
    const job = this.store.state.jobs[id];
    if (!job) return void this.#fetch(id);
    const changed = next(job);
    if (changed !== job) this.store.putJob(changed);
  }

  #event(event: JobEvent): void {
    if (event.kind === "deleted") return this.#forget(event.job);
    if (event.kind === "log") return;
    if (!(event.job in this.store.state.jobs)) this.#early.set(event.job, [...(this.#early.get(event.job) ?? []), event]);
    this.#change(event.job, (job) => afterEvent(job, event));
    this.#follow(event.job);
  }

  #forget(id: string): void {
    this.#asked.delete(id);
    this.#early.delete(id);
    this.store.dropJob(id);
  }

  #put(job: Job): void {
    this.store.putJob(this.#upToDate(job));
    this.#follow(job.id);
  }

  /** What is known of a job after an answer: the newer of both, and then the events that came before the answer. */
  #upToDate(answer: Job): Job {
    const early = this.#early.get(answer.id) ?? [];
    this.#early.delete(answer.id);
    return early.reduce((job, event) => afterEvent(job, event), merged(this.store.state.jobs[answer.id], answer));
  }

  #track(id: string): void {
    const { tracked } = this.store.state;
    const shown = shownJob(this.store.state);
    if (!tracked.includes(id)) this.store.set({ tracked: [...tracked, id] });
    if (!shown || isFinished(shown)) this.show(id);
    this.#follow(id);
  }

  /** Turns the bricks to a job of this page when it starts, and says so when it ends. */
  #follow(id: string): void {
    const { tracked, jobs } = this.store.state;
    const job = jobs[id];
    if (!job || !tracked.includes(id)) return;
    if (job.state === "running") this.show(id);
    if (!isFinished(job)) return;
    this.store.set({ tracked: tracked.filter((known) => known !== id) });
    if (this.store.state.shown === undefined) this.show(id);
    this.#ended(job);
    this.#showNext();
  }

  #ended(job: Job): void {
    if (job.state === "succeeded") this.store.set({ announcement: t("announce.succeeded") });
    if (job.state === "cancelled") this.store.toast(t("toast.stopped"));
    if (job.state === "failed") this.#failed(job);
  }

  #failed(job: Job): void {
    const brick = job.error?.brick ?? undefined;
    const title = brick === undefined ? undefined : (titlesOf(this.store.state).get(brick) ?? brick);
    this.store.notify({
      key: "run",
      tone: "error",
      title: title === undefined ? t("notice.failed") : t("notice.failedAt", { brick: title }),
      message: job.error?.message ?? t("notice.noReason"),
      ...(brick === undefined ? {} : { brick }),
    });
    const instance = brick === undefined ? undefined : findBrick(this.store.state.document, brick);
    if (instance && job.error?.code === "denied") this.others.denied(instance.brick);
  }

  #showNext(): void {
    const { tracked, jobs } = this.store.state;
    const running = tracked.find((id) => jobs[id]?.state === "running");
    if (running !== undefined) this.show(running);
  }

  async #fetch(id: string): Promise<void> {
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    try {
      const job = await this.client.job(id);
      if (this.#asked.has(id)) this.#put(job);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    } finally {
      this.#asked.delete(id);
      // After a failure the next event asks again, and that answer knows of all events before it.
      this.#early.delete(id);
    }
  }

  /** Asks for the state of everything: at the start and after the stream was broken. */
  async #catchUp(): Promise<void> {
    const { jobs } = await this.client.jobs(PAGE);
    this.#listedSeq = Math.max(0, ...jobs.map((job) => job.last_seq));
    this.store.putJobs(jobs.map((job) => this.#upToDate(job)));
    this.store.set({ moreJobs: jobs.length >= PAGE });
    const listed = new Set(jobs.map((job) => job.id));
    const { tracked, shown, jobOrder } = this.store.state;
    const unsure = jobOrder.filter((id) => !listed.has(id) && this.#unfinished(id));
    const wanted = new Set([...tracked, ...(shown === undefined ? [] : [shown]), ...unsure]);
    await Promise.all([...wanted].map((id) => this.#ask(id)));
    await this.others.refresh();
    this.#caughtUp = true;
  }

  #unfinished(id: string): boolean {
    const job = this.store.state.jobs[id];
    return job !== undefined && !isFinished(job);
  }

  async #ask(id: string): Promise<void> {
    try {
      this.#put(await this.client.job(id));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.store.dropJob(id);
      else throw error;
    }
  }

  #refused(document: WorkflowDocument, error: unknown): void {
    if (!(error instanceof ApiError)) throw error;
    if (error.unreachable) return this.#unreachable();
    if (error.problems.length > 0) this.store.set({ problems: error.problems, refusedRun: document });
    else this.store.notify({ key: "run", tone: "error", title: t("notice.refused"), message: error.message });
  }

  #unreachable(): void {
    this.store.notify({ key: "server", tone: "error", title: t("notice.unreachable"), message: t("notice.unreachableHint") });
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const done = await work();
      this.store.dismiss("job");
      return done;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.unreachable) this.#unreachable();
      else this.store.notify({ key: "job", tone: "error", title: t("notice.notDone"), message: error.message });
      return undefined;
    }
  }
}
