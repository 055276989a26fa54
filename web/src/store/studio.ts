/** Everything the views talk to: the state, and the actions on it. */
import { t } from "../i18n/text.js";
import { ApiError, type Client } from "../net/client.js";
import type { Upload } from "../net/types.js";
import { autosave, restore } from "./autosave.js";
import { Bricks } from "./bricks.js";
import { Editor } from "./editor.js";
import { Inspector } from "./inspection.js";
import { isFinished } from "./jobs.js";
import { Library } from "./library.js";
import { LivePreviews } from "./live-previews.js";
import { Migration } from "./migration.js";
import { ModelShelf } from "./model-shelf.js";
import { Permissions } from "./permissions.js";
import { Runs } from "./runs.js";
import { shownJob } from "./selectors.js";
import { type State, Store } from "./state.js";
import { watch } from "./watch.js";

const CHECK_DEBOUNCE_MS = 400;

export class Studio {
  readonly store: Store;
  readonly editor: Editor;
  readonly runs: Runs;
  readonly library: Library;
  readonly bricks: Bricks;
  readonly permissions: Permissions;
  readonly inspector: Inspector;
  readonly migration: Migration;
  readonly shelf: ModelShelf;
  readonly livePreviews: LivePreviews;
  readonly #restored: boolean;
  readonly #families = new Set<string>();
  readonly #flush: () => void;
  #checkTimer: ReturnType<typeof setTimeout> | undefined;
  #checked: unknown;

  constructor(
    private readonly client: Client,
    storage: Pick<Storage, "getItem" | "setItem">,
  ) {
    const kept = restore(storage);
    this.#restored = kept !== undefined;
    this.store = new Store(kept);
    this.editor = new Editor(this.store);
    this.migration = new Migration(this.store, client, this.editor);
    this.bricks = new Bricks(this.store, client, (swapped, before) => {
      this.#checkAgain();
      void this.migration.afterSwap(swapped, before);
    });
    this.permissions = new Permissions(this.store, client, async () => {
      await this.bricks.load();
      this.#checkAgain();
    });
    this.inspector = new Inspector(this.store, client, this.bricks);
    this.shelf = new ModelShelf(this.store, client, () => void this.#loadFamilies());
    this.runs = new Runs(this.store, client, {
      refresh: () => this.#refresh(),
      opened: () => this.bricks.loadSoon(),
      bricks: (event) => this.bricks.heard(event),
      models: (model) => this.shelf.heard(model),
      denied: (brick) => this.permissions.wanted(brick),
    });
    this.library = new Library(this.store, client, this.editor, this.runs, this.migration);
    this.livePreviews = new LivePreviews(this.store, client);
    this.#flush = autosave(this.store, storage);
    this.store.subscribe(() => this.#checkSoon());
    watch(this.store, unknownDocument, () => this.#learnDocument());
  }

  async start(): Promise<void> {
    if (!this.#restored) await this.library.openFirst();
    await this.runs.start();
  }

  /** Writes what is not written yet; called when the page goes away. */
  flush(): void {
    this.#flush();
  }

  /** Fetches the models of a family once. */
  needModels(family: string): void {
    if (this.#families.has(family)) return;
    this.#families.add(family);
    void this.#loadModels(family);
  }

  /** Stores a picture on the server. Gives `undefined` after telling why it could not. */
  async upload(image: Blob): Promise<Upload | undefined> {
    try {
      this.store.dismiss("upload");
      return await this.client.upload(image);
    } catch (error) {
      this.#tell("upload", t("notice.notUploaded"), error);
      return undefined;
    }
  }

  async #refresh(): Promise<void> {
    const [, { grants }] = await Promise.all([this.bricks.load(), this.client.grants()]);
    this.store.set({ grants });
    await Promise.all([this.#loadFamilies(), this.shelf.refresh()]);
    if (this.store.state.document.bricks.length === 0 && !this.#restored) await this.library.openFirst();
    this.#checkAgain();
  }

  async #loadFamilies(): Promise<void> {
    await Promise.all([...this.#families].map((family) => this.#loadModels(family)));
    this.#checkAgain();
  }

  async #loadModels(family: string): Promise<void> {
    try {
      const { models, broken } = await this.client.models(family);
      this.store.set({ models: { ...this.store.state.models, [family]: models }, brokenModels: broken });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#families.delete(family);
    }
  }

  /** Asks what the outputs shown were made with, so that a card can say when that is no longer in use. */
  #learnDocument(): void {
    const id = unknownDocument(this.store.state);
    if (id !== undefined) void this.runs.learnDocument(id);
  }

  #checkAgain(): void {
    this.#checked = undefined;
    this.#checkSoon();
  }

  #checkSoon(): void {
    const { document, catalogLoaded } = this.store.state;
    if (!catalogLoaded || document === this.#checked) return;
    this.#checked = document;
    clearTimeout(this.#checkTimer);
    this.#checkTimer = setTimeout(() => void this.#check(), CHECK_DEBOUNCE_MS);
  }

  async #check(): Promise<void> {
    const { document } = this.store.state;
    try {
      const { problems } = await this.client.check(document);
      if (document !== this.store.state.document) return;
      this.store.set({ problems });
      if (problems.length === 0) this.store.dismiss("check");
    } catch (error) {
      // The stream of events tells of a server that is gone, and the check is made again when it is back.
      if (!(error instanceof ApiError && error.unreachable)) this.#tell("check", t("notice.notChecked"), error);
    }
  }

  #tell(key: string, title: string, error: unknown): void {
    if (!(error instanceof ApiError)) throw error;
    this.store.notify({ key, tone: "error", title, message: error.unreachable ? t("notice.unreachableHint") : error.message });
  }
}

/** The finished job whose outputs are shown without knowing its document. */
function unknownDocument(state: State): string | undefined {
  const job = shownJob(state);
  return job && isFinished(job) && !job.document ? job.id : undefined;
}
