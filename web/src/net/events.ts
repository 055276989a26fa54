/**
 * The stream of events from the server. Keeps it open for as long as the page lives: when it breaks, says so,
 * waits a little longer each time, and asks for what came after the last event that was seen.
 */
import type { BricksEvent, CatalogueModel, JobEvent, PreviewEvent, ProgressEvent } from "./types.js";

/** The part of `EventSource` that is used, so that tests can stand in for the browser. */
export interface EventStream {
  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void;
  close(): void;
}

export interface EventHandlers {
  /** The stream is open; `again` when it had been open before, so that the caller asks for a fresh picture. */
  opened(again: boolean): void;
  /** The stream broke and is being opened again. */
  lost(): void;
  job(event: JobEvent): void;
  progress(event: ProgressEvent): void;
  preview(event: PreviewEvent): void;
  bricks(event: BricksEvent): void;
  models(model: CatalogueModel): void;
}

export interface EventClock {
  after(milliseconds: number, run: () => void): () => void;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5000;

const browserClock: EventClock = {
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** The waiting time before the given attempt (from 0): doubles up to five seconds. */
export function waitBefore(attempt: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
}

export class EventConnection {
  #stream: EventStream | undefined;
  #cancelWait: (() => void) | undefined;
  #attempt = 0;
  #wasOpen = false;
  #stopped = false;

  constructor(
    readonly handlers: EventHandlers,
    /** The number of the last event that is already known. */
    private lastSeq: number,
    private readonly open: (url: string) => EventStream = (url) => new EventSource(url),
    private readonly clock: EventClock = browserClock,
  ) {}

  start(): void {
    if (this.#stopped) return;
    const stream = this.open(`/api/events?after=${this.lastSeq}`);
    this.#stream = stream;
    stream.addEventListener("open", () => this.#opened());
    stream.addEventListener("error", () => this.#broke(stream));
    stream.addEventListener("job", (event) => this.#job(event.data));
    stream.addEventListener("progress", (event) => deliver(event.data, (data) => this.handlers.progress(data as ProgressEvent)));
    stream.addEventListener("preview", (event) => deliver(event.data, (data) => this.handlers.preview(data as PreviewEvent)));
    stream.addEventListener("bricks", (event) => deliver(event.data, (data) => this.handlers.bricks(data as BricksEvent)));
    stream.addEventListener("models", (event) => deliver(event.data, (data) => this.handlers.models(data as CatalogueModel)));
  }

  stop(): void {
    this.#stopped = true;
    this.#stream?.close();
    this.#cancelWait?.();
  }

  #opened(): void {
    const again = this.#wasOpen || this.#attempt > 0;
    this.#attempt = 0;
    this.#wasOpen = true;
    this.handlers.opened(again);
  }

  #broke(stream: EventStream): void {
    if (this.#stopped || stream !== this.#stream) return;
    stream.close();
    this.#stream = undefined;
    this.handlers.lost();
    this.#cancelWait = this.clock.after(waitBefore(this.#attempt), () => this.start());
    this.#attempt += 1;
  }

  #job(data: unknown): void {
    deliver(data, (value) => {
      const event = value as JobEvent;
      this.lastSeq = event.seq;
      this.handlers.job(event);
    });
  }
}

/** Hands on what parses; a line that does not is the server's fault and must not end the stream. */
function deliver(data: unknown, take: (value: unknown) => void): void {
  let value: unknown;
  try {
    value = JSON.parse(String(data));
  } catch {
    console.warn("The server sent an event that is not JSON.", data);
    return;
  }
  take(value);
}
