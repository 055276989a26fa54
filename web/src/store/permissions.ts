/** What the person allows: powers of bricks, secrets, and whether anything may use the network at all. */
import { t } from "../i18n/text.js";
import { powerName } from "../i18n/powers.js";
import { ApiError, type Client } from "../net/client.js";
import { newest } from "./catalog.js";
import { type Power, FILES, asksAtOnce, wishes } from "./powers.js";
import type { Store } from "./state.js";

export class Permissions {
  constructor(
    private readonly store: Store,
    private readonly client: Client,
    /** Called after a change, for what depends on it. */
    private readonly changed: () => Promise<void>,
  ) {}

  /** Puts what a brick wants before the person, because a run was denied it. */
  wanted(brick: string): void {
    if (wishes(this.store.state, brick).length > 0) this.#ask(brick);
  }

  /** Puts what a brick's manifest wants before the person, because it was added. */
  added(brick: string): void {
    const info = newest(this.store.state.catalog, brick);
    if (info && asksAtOnce(info)) this.#ask(brick);
  }

  /** Not now: nothing is allowed, and the card goes until it is needed again. */
  later(brick: string): void {
    this.store.set({ asking: this.store.state.asking.filter((known) => known !== brick) });
  }

  /** Allows all that a brick wants. */
  async allowWishes(brick: string): Promise<void> {
    const open = wishes(this.store.state, brick);
    const done = await this.#attempt("grant", t("notice.notAllowed"), async () => {
      for (const power of open) await this.client.allow(brick, power.import, power.scope);
    });
    if (!done) return;
    this.later(brick);
    this.#allowed(open);
  }

  async allow(brick: string, power: Power): Promise<void> {
    if (await this.#attempt("grant", t("notice.notAllowed"), () => this.client.allow(brick, power.import, power.scope))) this.#allowed([power]);
  }

  allowFolder(brick: string, scope: string): Promise<void> {
    return this.allow(brick, { import: FILES, kind: "folder", scope });
  }

  async takeBack(grant: number): Promise<void> {
    if (await this.#attempt("grant", t("notice.notDone"), () => this.client.revoke(grant))) this.store.toast(t("toast.takenBack"));
  }

  async setTrial(grant: number, trial: boolean): Promise<void> {
    await this.#attempt("grant", t("notice.notDone"), () => this.client.setTrial(grant, trial));
  }

  async setSecret(name: string, value: string): Promise<boolean> {
    const done = await this.#attempt("secret", t("notice.notStored"), () => this.client.setSecret(name, value));
    if (done) this.store.toast(t("toast.secretStored", { name }));
    return done;
  }

  async removeSecret(name: string): Promise<void> {
    const done = await this.#attempt("secret", t("notice.notDone"), () => this.client.deleteSecret(name));
    if (done) this.store.toast(t("toast.secretRemoved", { name }));
  }

  async setOffline(offline: boolean): Promise<void> {
    const done = await this.#attempt("network", t("notice.notDone"), () => this.client.setOffline(offline));
    if (done) this.store.toast(t(offline ? "toast.offline" : "toast.online"));
  }

  #ask(brick: string): void {
    const { asking } = this.store.state;
    const label = newest(this.store.state.catalog, brick)?.label ?? brick;
    if (asking.includes(brick)) return;
    this.store.set({ asking: [...asking, brick], announcement: t("consent.title", { brick: label }) });
    // Which secrets are there yet.
    void this.#attempt("grant", t("notice.notDone"), () => Promise.resolve());
  }

  #allowed(powers: readonly Power[]): void {
    const [first] = powers;
    if (!first) return;
    const rest = powers.length - 1;
    this.store.toast(t(rest > 0 ? "toast.allowedMany" : "toast.allowed", { power: powerName(first), rest }));
  }

  /** Does something and then sees how all stands. */
  async #attempt(key: string, title: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      await this.#refresh();
      this.store.dismiss(key);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.store.notify({ key, tone: "error", title, message: error.unreachable ? t("notice.unreachableHint") : error.message });
      return false;
    }
  }

  async #refresh(): Promise<void> {
    const [{ grants }, { secrets }, network] = await Promise.all([this.client.grants(), this.client.secrets(), this.client.network()]);
    this.store.set({ grants, secrets, network });
    await this.changed();
  }
}
