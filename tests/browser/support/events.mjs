/** The studio's stream of events as a test sees it: everything in the order in which it came. */

export class Events {
  /** `{ event, data }` of each message so far. */
  seen = [];
  #stop = new AbortController();
  #ended;

  /** Follows a studio from now on. */
  static async of(studio) {
    const events = new Events();
    const response = await fetch(`${studio.address}/api/events`, { signal: events.#stop.signal });
    // It ends with an error, ours or the studio's; a journey that misses an event says which.
    events.#ended = events.#read(response.body).catch(() => undefined);
    return events;
  }

  async end() {
    this.#stop.abort();
    await this.#ended;
  }

  /** The steps that a job told of, in order. */
  steps(job) {
    return this.seen.filter(({ event, data }) => event === "progress" && data.job === job && data.step).map(({ data }) => data.step);
  }

  /** The place of a job's event among all, or -1. */
  place(job, kind) {
    return this.seen.findIndex(({ event, data }) => event === "job" && data.job === job && data.kind === kind);
  }

  async #read(body) {
    let rest = "";
    for await (const part of body.pipeThrough(new TextDecoderStream())) {
      const messages = (rest + part).split("\n\n");
      rest = messages.pop();
      for (const message of messages) this.#take(message);
    }
  }

  #take(message) {
    const fields = Object.fromEntries(message.split("\n").map((line) => /^(\w*): ?(.*)$/s.exec(line)?.slice(1) ?? ["", ""]));
    if (fields.data !== undefined) this.seen.push({ event: fields.event, data: JSON.parse(fields.data) });
  }
}
