// What a brick remembers from run to run: any JSON value. The host keeps it, per brick, at most 1 MiB.

/** The memory of the run at hand. */
export class Memory {
  /** What was kept; undefined if nothing was. What is here after a good run is kept. */
  value = undefined;
  /** The version of the brick that kept it. */
  version = undefined;

  save() {
    return this.value === undefined ? undefined : new TextEncoder().encode(JSON.stringify(this.value));
  }

  restore(version, blob) {
    this.value = JSON.parse(new TextDecoder().decode(blob));
    this.version = version;
  }
}
