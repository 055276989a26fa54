/** What becomes of the open document when a brick it uses is replaced: newest code, parameters carried over, wires renewed. */
import { t } from "../i18n/text.js";
import { ApiError, type Client } from "../net/client.js";
import type { BrickInfo, BrickInstance, JsonObject, Lock, WorkflowDocument } from "../net/types.js";
import { accepts, canonical, compatibleWith } from "../ports/requirement.js";
import { type Catalog, type Change, infoFor, keeps, lockKey, lockedDigest, pinnedTo, unlocked } from "./catalog.js";
import type { Patch } from "./commands.js";
import { findBrick, rewire } from "./document.js";
import type { Editor } from "./editor.js";
import type { Store } from "./state.js";

/** How often the server is asked again because the person changed what it had carried over. */
const MAX_ASKED = 4;

interface Carried {
  bricks: BrickInstance[];
  notes: string[];
}

export class Migration {
  /** One swap after the other, because each starts from what the one before left. */
  #last: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: Store,
    private readonly client: Client,
    private readonly editor: Editor,
  ) {}

  /** Fits the open document to bricks that were swapped, as one step that can be undone. */
  afterSwap(swapped: readonly Change[], before: Catalog): Promise<void> {
    this.#last = this.#last.then(() => this.#fit(swapped, before));
    return this.#last;
  }

  /** Lets an instance run on a version that its document did not accept. */
  async accept(id: string, info: BrickInfo): Promise<void> {
    const { document } = this.store.state;
    const instance = findBrick(document, id);
    if (!instance) return;
    const accepting = { ...instance, requires: compatibleWith(info.version) };
    const from = pinnedTo(info, document.lock, instance) ?? document.lock?.bricks?.[lockKey(instance)];
    const bricks = document.bricks.map((brick) => (brick === instance ? accepting : brick));
    const asked = from && info.migrates ? await this.#ask(lastRunWith({ ...document, bricks }, [{ id: instance.brick, from }])) : undefined;
    const carried = asked?.document.bricks.find((brick) => brick.id === id);
    const lock = unlocked(document.lock, [lockKey(instance)]);
    this.editor.patch({ bricks: [{ ...accepting, params: carried?.params ?? instance.params }], ...(lock === undefined ? {} : { lock }) });
    this.#tell(asked?.notes ?? []);
  }

  /** A document from elsewhere with its parameters carried to the installed versions. */
  async opened(document: WorkflowDocument): Promise<WorkflowDocument> {
    const { catalog } = this.store.state;
    if (!document.bricks.some((instance) => infoFor(catalog, document.lock, instance)?.migrates)) return document;
    const answer = await this.#ask(document);
    this.#tell(answer?.notes ?? []);
    return answer?.document ?? document;
  }

  /** A document that a job ran, which still runs on the same versions as long as those are kept. */
  async again(document: WorkflowDocument): Promise<WorkflowDocument> {
    const { catalog } = this.store.state;
    const isGone = (instance: BrickInstance): boolean => {
      const info = infoFor(catalog, document.lock, instance);
      return info !== undefined && !keeps(info, lockedDigest(document.lock, instance));
    };
    return document.bricks.some(isGone) ? this.opened(document) : document;
  }

  async #fit(changes: readonly Change[], before: Catalog): Promise<void> {
    const swapped = changes.filter((change) => this.#instances([change]).length > 0);
    if (swapped.length === 0) return;
    const carried = swapped.some((change) => change.migrates) ? await this.#carry(swapped) : { bricks: [], notes: [] };
    this.editor.patch(this.#parts(swapped, carried.bricks, before));
    this.#tell(carried.notes);
  }

  #instances(swapped: readonly Change[]): BrickInstance[] {
    return this.store.state.document.bricks.filter((instance) => swapped.some((change) => change.id === instance.brick));
  }

  #parts(swapped: readonly Change[], carried: BrickInstance[], before: Catalog): Omit<Patch, "kind"> {
    const { document, catalog } = this.store.state;
    const instances = this.#instances(swapped);
    const lock = this.#lock(swapped, instances, carried);
    const portsChanged = instances.some((instance) => ports(before, instance) !== ports(catalog, instance));
    return {
      bricks: carried,
      ...(portsChanged ? { links: rewire(document.bricks, document.links, catalog, lock ?? undefined) } : {}),
      ...(lock === undefined ? {} : { lock }),
    };
  }

  /**
   * The lock that lets instances use the new version. Where that is not one the document accepts, the version before,
   * which is kept for a while, goes on.
   */
  #lock(swapped: readonly Change[], instances: readonly BrickInstance[], carried: readonly BrickInstance[]): Lock | null | undefined {
    const { document } = this.store.state;
    const next = (instance: BrickInstance): BrickInstance => carried.find((brick) => brick.id === instance.id) ?? instance;
    const accepted = instances.filter((instance) => swapped.some((change) => change.id === instance.brick && takes(next(instance), change)));
    const lock = unlocked(document.lock, accepted.map(lockKey));
    const held = instances.filter((instance) => !accepted.includes(instance));
    if (held.length === 0) return lock;
    const rest = lock === undefined ? document.lock : (lock ?? undefined);
    return lastRunWith({ ...document, lock: rest ?? {}, bricks: held }, swapped).lock;
  }

  /** Asks for the parameters until the answer is about what stands in the document now: the person may be typing. */
  async #carry(swapped: readonly Change[]): Promise<Carried> {
    for (let asked = 1; ; asked += 1) {
      const sent = this.store.state.document;
      const answer = await this.#ask(lastRunWith(sent, swapped));
      if (!answer) return { bricks: [], notes: [] };
      const merged = sent.bricks.flatMap((instance) => this.#merged(instance, answer.document));
      if (merged.every(({ clash }) => !clash) || asked === MAX_ASKED) {
        return { bricks: merged.map(({ brick }) => brick), notes: answer.notes };
      }
    }
  }

  #merged(sent: BrickInstance, answer: WorkflowDocument): { brick: BrickInstance; clash: boolean }[] {
    const carried = answer.bricks.find((instance) => instance.id === sent.id);
    const now = this.store.state.document.bricks.find((instance) => instance.id === sent.id);
    if (!carried || !now) return [];
    const raised = canonical(carried.requires ?? "*") === canonical(sent.requires ?? "*") ? {} : { requires: carried.requires ?? "*" };
    if (same(carried.params, sent.params) && !("requires" in raised)) return [];
    const { params, clash } = merge(sent.params, carried.params, now.params);
    return [{ brick: { ...now, ...raised, params }, clash }];
  }

  async #ask(document: WorkflowDocument): Promise<{ document: WorkflowDocument; notes: string[] } | undefined> {
    try {
      return await this.client.migrate(document);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const message = error.unreachable ? t("notice.unreachableHint") : error.message;
      this.store.notify({ key: "migrated", tone: "warning", title: t("notice.notMigrated"), message });
      return undefined;
    }
  }

  #tell(notes: string[]): void {
    if (notes.length === 0) return;
    this.store.notify({ key: "migrated", tone: "info", title: t("notice.migrated"), message: t("notice.migratedHint"), details: notes });
  }
}

/**
 * The changes from `sent` to `carried`, made to `now`. It clashes where the person changed the same parameter meanwhile;
 * then theirs stands.
 */
export function merge(sent: JsonObject, carried: JsonObject, now: JsonObject): { params: JsonObject; clash: boolean } {
  const params = { ...now };
  let clash = false;
  for (const name of new Set([...Object.keys(sent), ...Object.keys(carried)])) {
    if (same(sent[name], carried[name])) continue;
    if (!same(sent[name], now[name])) {
      clash = true;
      continue;
    }
    const value = carried[name];
    if (value === undefined) Reflect.deleteProperty(params, name);
    else params[name] = value;
  }
  return { params, clash };
}

/** Whether the version after a swap is one that an instance accepts. */
function takes(instance: BrickInstance, { version }: Change): boolean {
  return accepts(instance.requires ?? "*", version);
}

/** The document as one that was last run with the versions before the swap, where it does not say so itself. */
function lastRunWith(document: WorkflowDocument, swapped: readonly Pick<Change, "id" | "from">[]): WorkflowDocument {
  const bricks = { ...document.lock?.bricks };
  for (const instance of document.bricks) {
    const from = swapped.find((change) => change.id === instance.brick)?.from;
    const key = lockKey(instance);
    if (from && !(key in bricks)) bricks[key] = { version: from.version, digest: from.digest };
  }
  return { ...document, lock: { ...document.lock, bricks } };
}

function ports(catalog: Catalog, instance: BrickInstance): string {
  const info = infoFor(catalog, undefined, instance);
  return JSON.stringify([info?.inputs, info?.outputs]);
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
