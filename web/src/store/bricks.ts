/** The installed bricks as this page knows them: kept fresh by events, and what can be done with their versions. */
import { t } from "../i18n/text.js";
import { ApiError, type Client } from "../net/client.js";
import type { BrickInfo, BrickList, BricksEvent, Refusal } from "../net/types.js";
import { byAge } from "../ports/requirement.js";
import { type Catalog, type Change, type Seen, catalogOf, changes, newest, seenIn, sharing, swappedSince } from "./catalog.js";
import type { State, Store } from "./state.js";

/** Events that come within this time are one question to the server. A file that is taken away and put back is one change. */
const SETTLE_MS = 60;
/** More changes than this at once are told as a number. */
const MAX_TOLD = 2;

/** Called when bricks changed, with those that serve in another version than the document was last seen with. */
export type BricksChanged = (swapped: Change[], before: Catalog) => void;

export class Bricks {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #underWay: Promise<void> | undefined;
  #again = false;
  /** Places whose refusal is to be shown, whatever the workflow uses, because it came while the page was open. */
  readonly #expected = new Set<string>();

  constructor(
    private readonly store: Store,
    private readonly client: Client,
    private readonly changed: BricksChanged,
  ) {}

  /** News of a place. */
  heard(event: BricksEvent): void {
    if (event.kind === "refused") this.#expected.add(event.place_id);
    if (event.kind === "rolled-back") this.#rolledBack(event);
    else if (event.kind !== "refused") this.store.dismiss(`rolled-back ${event.place_id}`);
    this.loadSoon();
  }

  /** Asks for the list in a moment, once for all that want it by then. */
  loadSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // A server that is away is told of by its stream of events, and asked again when that is back.
      void this.load().catch(unreachable);
    }, SETTLE_MS);
  }

  /** Asks for the list. Whoever asks meanwhile gets an answer to a question that was put after theirs. */
  async load(): Promise<void> {
    if (this.#underWay) {
      this.#again = true;
      return this.#underWay;
    }
    this.#underWay = this.#loadUntilFresh();
    try {
      await this.#underWay;
    } finally {
      this.#underWay = undefined;
    }
  }

  /** Lets a kept version serve. */
  select(place: string, digest: string): Promise<boolean> {
    return this.#attempt(() => this.client.selectVersion(place, digest));
  }

  /** Lets a version serve that failed its trial. */
  useAnyway(place: string): Promise<boolean> {
    return this.#attempt(() => this.client.useAnyway(place));
  }

  /** Lifts a quarantine. */
  release(place: string): Promise<boolean> {
    return this.#attempt(() => this.client.release(place));
  }

  /** Removes what a brick remembers between runs. */
  async forget({ id, label }: BrickInfo): Promise<void> {
    const done = await this.#attempt(async () => {
      await this.client.forget(id);
      return this.client.bricks();
    });
    if (done) this.store.toast(t("toast.forgot", { brick: label }));
  }

  /** Puts the card about a refusal away. */
  dismissRefusal(refusal: Refusal): void {
    this.store.set({ dismissedRefusals: [...this.store.state.dismissedRefusals, refusalKey(refusal)] });
  }

  async #loadUntilFresh(): Promise<void> {
    do {
      this.#again = false;
      this.#take(await this.client.bricks());
    } while (this.#asksAgain());
  }

  #asksAgain(): boolean {
    return this.#again;
  }

  /** A version that crashes too often is taken out of use, which needs more words than a toast. */
  #rolledBack({ place_id: place, bricks: [id = ""], version, reason }: BricksEvent): void {
    const label = newest(this.store.state.catalog, id)?.label ?? id;
    const title = t("toast.brickRolledBack", { brick: label, version: version ?? "" });
    this.store.notify({ key: `rolled-back ${place}`, tone: "warning", title, message: reason ?? "", details: [t("notice.rolledBackHint")] });
  }

  #take(list: BrickList): void {
    const { catalog: before, catalogLoaded, seen, refused, freshRefusals } = this.store.state;
    const catalog = catalogOf(list.bricks, before);
    const fresh = list.refused.filter((refusal) => this.#expected.has(refusal.place_id)).map(refusalKey);
    this.#expected.clear();
    this.store.set({
      catalog,
      catalogLoaded: true,
      seen: this.#remember(catalog),
      refused: JSON.stringify(refused) === JSON.stringify(list.refused) ? refused : list.refused,
      freshRefusals: fresh.length === 0 ? freshRefusals : [...freshRefusals, ...fresh],
    });
    const swapped = swappedSince(seen, catalog);
    // What happened while the page was closed is made good without a word.
    const found = catalogLoaded ? changes(before, catalog) : [];
    for (const text of told(found, this.store.state)) this.store.toast(text);
    if (found.length + swapped.length > 0) this.changed(swapped, catalogLoaded ? before : catalog);
  }

  /** Bricks that the document uses are remembered while they are away, to know what they come back as. */
  #remember(catalog: Catalog): Seen {
    const { seen, document } = this.store.state;
    const used = new Set(document.bricks.map((instance) => instance.brick));
    const away = Object.entries(seen).filter(([key]) => used.has(key.split(" ")[1] ?? ""));
    return sharing(seen, { ...Object.fromEntries(away), ...seenIn(catalog) });
  }

  async #attempt(ask: () => Promise<BrickList>): Promise<boolean> {
    try {
      this.#take(await ask());
      this.store.dismiss("bricks");
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const message = error.unreachable ? t("notice.unreachableHint") : error.message;
      this.store.notify({ key: "bricks", tone: "error", title: t("notice.notDone"), message });
      return false;
    }
  }
}

function unreachable(error: unknown): void {
  if (!(error instanceof ApiError)) throw error;
}

/** Names one refusal of one place. */
export function refusalKey({ place_id: place, since, kind }: Refusal): string {
  return `${place} ${kind} ${since}`;
}

/** The refusals that are shown as cards: of bricks of the workflow, and those that came while the page was open. */
export function shownRefusals(state: State): Refusal[] {
  const used = new Set(state.document.bricks.map((instance) => instance.brick));
  return state.refused.filter((refusal) => {
    const key = refusalKey(refusal);
    if (state.dismissedRefusals.includes(key)) return false;
    return state.freshRefusals.includes(key) || refusal.bricks.some((id) => used.has(id));
  });
}

/** What changed, in words. */
export function told(found: readonly Change[], state: Pick<State, "document">): string[] {
  if (found.length > MAX_TOLD) return [t("toast.bricksChanged", { count: found.length })];
  return found.map((change) => toldOf(change, state.document.bricks.some((instance) => instance.brick === change.id)));
}

function toldOf({ kind, label, version, from }: Change, used: boolean): string {
  const values = { brick: label, version };
  if (kind === "added") return t(used ? "toast.brickBack" : "toast.brickAdded", values);
  if (kind === "removed") return t(used ? "toast.brickGoneKept" : "toast.brickGone", values);
  const age = byAge(version, from?.version ?? version);
  if (age === 0) return t("toast.brickRebuilt", values);
  return t(age > 0 ? "toast.brickUpdated" : "toast.brickRolledBack", values);
}
