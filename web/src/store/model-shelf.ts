/** The catalogue of models as this page knows it: kept fresh by events, and what can be done with each. */
import { bytes } from "../i18n/amounts.js";
import { t } from "../i18n/text.js";
import { ApiError, type Client } from "../net/client.js";
import type { CatalogueModel, PullSize } from "../net/types.js";
import type { Store } from "./state.js";

/** The person is asked before more than this is fetched, in bytes. */
const LARGE = 1024 ** 3;

/** The card about what could not be done here. */
export const MODELS_NOTICE = "models";

/** What the person is asked before a large download; `undefined` where nobody needs to be asked. */
export function questionFor(model: CatalogueModel, { missing_bytes: missing, free_bytes: free }: PullSize): string | undefined {
  const unknown = missing === undefined || missing === null;
  if (!unknown && missing <= LARGE && (free === undefined || free === null || missing <= free)) return undefined;
  const size = unknown ? t("models.sizeUnknown") : bytes(missing);
  if (free === undefined || free === null) return t("models.askSize", { name: model.label, size });
  return t("models.askRoom", { name: model.label, size, free: bytes(free) });
}

export class ModelShelf {
  #wanted = false;

  constructor(
    private readonly store: Store,
    private readonly client: Client,
    /** Called when models were installed or removed. */
    private readonly changed: () => void,
  ) {}

  /** Opens the page of models, at one of them if it is named. */
  open(name?: string): void {
    this.store.set({ panel: "models", modelAt: name });
  }

  /** Asks for all models. */
  async load(): Promise<void> {
    this.#wanted = true;
    await this.#attempt(t("notice.notDone"), async () => {
      const [{ models, free_bytes: free, folder }, installed] = await Promise.all([this.client.catalogue(), this.client.installedModels()]);
      const names = new Set(models.map((model) => model.name));
      const ownModels = installed.models.filter((model) => !names.has(model.id));
      const { broken: brokenModels, unknown: unknownModels } = installed;
      this.store.set({ catalogue: models, modelRoom: { folder, free: free ?? undefined }, ownModels, brokenModels, unknownModels });
    });
  }

  /** Asks for all models again, if anybody looked before: the stream of events is open again, or models came or went. */
  async refresh(): Promise<void> {
    if (this.#wanted) await this.load();
  }

  /** News of a model. */
  heard(model: CatalogueModel): void {
    const { catalogue } = this.store.state;
    const before = catalogue.find((known) => known.name === model.name);
    this.store.set({ catalogue: catalogue.map((known) => (known.name === model.name ? model : known)) });
    if (before?.state === model.state || before === undefined) return;
    if (model.state === "installed") this.store.toast(t("toast.modelReady", { name: model.label }));
    if (model.state === "failed") this.store.set({ announcement: t("announce.modelFailed", { name: model.label }) });
    if (model.state !== "installed" && before.state !== "installed") return;
    this.changed();
    // What a network lacked may be there now, or gone.
    void this.refresh();
  }

  /** How much fetching a model would take. Gives `undefined` after telling why nobody knows. */
  measure(name: string): Promise<PullSize | undefined> {
    return this.#attempt(t("notice.notFetched"), () => this.client.pullSize(name));
  }

  /** How the model stands then comes by events alone: an answer may be older than those that were heard meanwhile. */
  async pull(name: string): Promise<void> {
    await this.#attempt(t("notice.notFetched"), () => this.client.startPull(name));
  }

  async stop(name: string): Promise<void> {
    await this.#attempt(t("notice.notDone"), () => this.client.stopPull(name, false));
  }

  async discard(name: string): Promise<void> {
    await this.#attempt(t("notice.notDone"), () => this.client.stopPull(name, true));
  }

  async remove(model: CatalogueModel): Promise<void> {
    const removed = await this.#attempt(t("notice.notDone"), async () => {
      await this.client.removeModel(model.name);
      return true;
    });
    if (removed) this.store.toast(t("toast.modelRemoved", { name: model.label }));
    await this.load();
  }

  async #attempt<T>(title: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const done = await work();
      this.store.dismiss(MODELS_NOTICE);
      return done;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const message = error.unreachable ? t("notice.unreachableHint") : error.message;
      this.store.notify({ key: MODELS_NOTICE, tone: "error", title, message });
      return undefined;
    }
  }
}
