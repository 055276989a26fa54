/** What the page of bricks follows while it is open: how the bricks do, and what the one shown says and does. */
import { ApiError, type Client } from "../net/client.js";
import type { Bricks } from "./bricks.js";
import { sharing } from "./catalog.js";
import type { BrickPage, Store } from "./state.js";

const BETWEEN_MS = 2000;
const LINES = 300;
const CALLS = 100;

export class Inspector {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #following = false;

  constructor(
    private readonly store: Store,
    private readonly client: Client,
    private readonly bricks: Bricks,
  ) {}

  /** Shows one of the pages beside the list. */
  show(page: BrickPage | undefined): void {
    this.store.set({ brickPage: page, inspection: undefined });
    if (this.#following) void this.#look();
  }

  /** Looks again and again until `stop`. */
  follow(): void {
    if (this.#following) return;
    this.#following = true;
    void this.#look();
  }

  stop(): void {
    this.#following = false;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      await Promise.all([this.bricks.load(), this.#grants(), this.#inspect()]);
    } catch (error) {
      // The stream of events tells of a server that is away.
      if (!(error instanceof ApiError)) throw error;
    }
    clearTimeout(this.#timer);
    if (this.#following) this.#timer = setTimeout(() => void this.#look(), BETWEEN_MS);
  }

  async #grants(): Promise<void> {
    const [{ grants }, { secrets }, network] = await Promise.all([this.client.grants(), this.client.secrets(), this.client.network()]);
    const { state } = this.store;
    this.store.set({
      grants: same(state.grants, grants) ? state.grants : grants,
      secrets: same(state.secrets, secrets) ? state.secrets : secrets,
      network: sharing(state.network, network),
    });
  }

  async #inspect(): Promise<void> {
    const page = this.store.state.brickPage;
    if (page?.kind !== "brick") return;
    const brick = page.id;
    const [{ lines }, { calls }] = await Promise.all([this.client.brickLog(brick, LINES), this.client.audit(brick, CALLS)]);
    const now = this.store.state.brickPage;
    if (now?.kind !== "brick" || now.id !== brick) return;
    const known = this.store.state.inspection;
    const inspection = { brick, log: lines, calls };
    this.store.set({ inspection: known?.brick === brick ? sharing(known, inspection) : inspection });
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
