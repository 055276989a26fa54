/** The edits of the document that the views offer. Each is one command, links included, so that undo takes all of it back. */
import { t } from "../i18n/text.js";
import type { BrickInfo, BrickInstance, WorkflowDocument } from "../net/types.js";
import { compatibleWith } from "../ports/requirement.js";
import { lockKey, unlocked } from "./catalog.js";
import type { Command, ParamChange, Patch } from "./commands.js";
import { freshId, placeFor, rewire } from "./document.js";
import { perform, redo, undo } from "./history.js";
import { titlesOf } from "./selectors.js";
import type { Store } from "./state.js";

export class Editor {
  constructor(
    private readonly store: Store,
    private readonly now: () => number = Date.now,
  ) {}

  setParams(brick: string, changes: ParamChange[]): void {
    this.#do({ kind: "set-params", brick, changes });
  }

  rename(name: string): void {
    this.#do({ kind: "rename", name });
  }

  collapse(brick: string, collapsed: boolean): void {
    this.#do({ kind: "collapse", brick, collapsed });
  }

  /** Adds a brick before another one, or where its category belongs, and gives its id. */
  add(info: BrickInfo, before?: string): string {
    const { document, catalog } = this.store.state;
    const brick: BrickInstance = { id: freshId(document, info.id), brick: info.id, requires: compatibleWith(info.version), params: {} };
    const place = document.bricks.findIndex(({ id }) => id === before);
    const at = place < 0 ? placeFor(document, catalog, info) : place;
    const links = rewire(document.bricks.toSpliced(at, 0, brick), document.links, catalog, document.lock);
    this.#do({ kind: "insert", brick, at, links, collapsed: false });
    this.store.set({ announcement: t("announce.added", { brick: info.label, position: at + 1 }) });
    return brick.id;
  }

  remove(id: string): void {
    const { document, catalog } = this.store.state;
    const title = titlesOf(this.store.state).get(id) ?? id;
    const links = rewire(document.bricks.filter((brick) => brick.id !== id), document.links, catalog, document.lock);
    this.#do({ kind: "remove", brick: id, links });
    this.store.toast(t("toast.removed", { brick: title }));
  }

  /** Moves a brick to a place in the strip, counted from 0. */
  move(id: string, to: number): void {
    const { document, catalog } = this.store.state;
    const from = document.bricks.findIndex((brick) => brick.id === id);
    const brick = document.bricks[from];
    const target = Math.max(0, Math.min(document.bricks.length - 1, to));
    if (!brick || target === from) return;
    const links = rewire(document.bricks.toSpliced(from, 1).toSpliced(target, 0, brick), document.links, catalog, document.lock);
    this.#do({ kind: "move", brick: id, to: target, links });
    const title = titlesOf(this.store.state).get(id) ?? id;
    this.store.set({ announcement: t("announce.moved", { brick: title, position: target + 1, count: document.bricks.length }) });
  }

  /** Lets a brick run on the newest version that its document accepts. */
  unlock(brick: BrickInstance): void {
    const lock = unlocked(this.store.state.document.lock, [lockKey(brick)]);
    if (lock !== undefined) this.patch({ lock });
  }

  /** Changes several parts of the document as one step. */
  patch(parts: Omit<Patch, "kind">): void {
    this.#do({ kind: "patch", ...parts });
  }

  /** Puts another document in place of this one; undo brings this one back. */
  replace(document: WorkflowDocument): void {
    this.#do({ kind: "replace", document });
  }

  undo(): void {
    const { document, history } = this.store.state;
    const edited = undo(document, history);
    if (edited) this.store.set({ ...edited, dirty: true, announcement: t("announce.undone") });
  }

  redo(): void {
    const { document, history } = this.store.state;
    const edited = redo(document, history);
    if (edited) this.store.set({ ...edited, dirty: true, announcement: t("announce.redone") });
  }

  #do(command: Command): void {
    const { document, history } = this.store.state;
    const edited = perform(document, history, command, this.now());
    if (edited) this.store.set({ ...edited, dirty: true });
  }
}
