/** Workflows that are kept: on the server, as factory presets, and as files. */
import { t } from "../i18n/text.js";
import { ApiError, type Client } from "../net/client.js";
import type { Json, WorkflowDocument } from "../net/types.js";
import { normalise } from "./document.js";
import type { Editor } from "./editor.js";
import type { Migration } from "./migration.js";
import type { Runs } from "./runs.js";
import type { Store } from "./state.js";

const FIRST_PRESET = "first-picture";

export class Library {
  constructor(
    private readonly store: Store,
    private readonly client: Client,
    private readonly editor: Editor,
    private readonly runs: Runs,
    private readonly migration: Migration,
  ) {}

  async list(): Promise<void> {
    await this.#attempt(async () => {
      const { workflows, presets } = await this.client.workflows();
      this.store.set({ workflows, presets });
    });
  }

  /** What a newcomer finds. */
  async openFirst(): Promise<void> {
    await this.#attempt(async () => {
      const document = normalise(await this.client.preset(FIRST_PRESET));
      this.store.set({ document, dirty: false });
    });
  }

  async open(name: string): Promise<boolean> {
    return this.#open(async () => ({ document: await this.client.workflow(name), savedName: name }));
  }

  async openPreset(name: string): Promise<boolean> {
    return this.#open(async () => ({ document: await this.client.preset(name), savedName: undefined }));
  }

  /** Saves under the document's name. Gives `taken` when another workflow has it and `overwrite` was not asked for. */
  async save(overwrite = false): Promise<"saved" | "taken" | "failed"> {
    const { document, savedName } = this.store.state;
    const name = document.name.trim() || t("workflow.untitled");
    if (name !== document.name) this.editor.rename(name);
    try {
      await this.client.saveWorkflow(name, this.store.state.document, overwrite || name === savedName);
    } catch (error) {
      if (error instanceof ApiError && (error.status === 409 || error.status === 412)) return "taken";
      this.#failed(error);
      return "failed";
    }
    this.store.set({ dirty: false, savedName: name });
    this.store.dismiss("open");
    this.store.toast(t("toast.saved", { name }));
    void this.list();
    return "saved";
  }

  async remove(name: string): Promise<void> {
    await this.#attempt(async () => {
      await this.client.deleteWorkflow(name);
      if (this.store.state.savedName === name) this.store.set({ savedName: undefined, dirty: true });
      this.store.dismiss("open");
      this.store.toast(t("toast.workflowDeleted", { name }));
      await this.list();
    });
  }

  /** Opens a workflow file, of this program or of the original one. */
  async importFile(file: Blob): Promise<boolean> {
    let content: Json;
    try {
      content = JSON.parse(await file.text()) as Json;
    } catch {
      this.store.notify({ key: "open", tone: "error", title: t("notice.notOpened"), message: t("notice.notJson") });
      return false;
    }
    return this.#open(async () => {
      const { document, notes } = await this.client.importDocument(content);
      if (notes.length > 0) {
        this.store.notify({ key: "import", tone: "info", title: t("notice.imported"), message: t("notice.importNotes"), details: notes });
      }
      return { document, savedName: undefined };
    });
  }

  /** The document as a file: its name and its text. */
  exportFile(): { name: string; text: string } {
    const { document } = this.store.state;
    const base = document.name.trim().replace(/[^\p{L}\p{N}._ -]+/gu, "-") || t("workflow.untitled");
    return { name: `${base}.json`, text: `${JSON.stringify(document, null, 2)}\n` };
  }

  /** Brings back the document that a job ran, with its pictures. */
  async useJob(id: string): Promise<boolean> {
    const job = await this.runs.whole(id);
    if (!job?.document) return false;
    this.editor.replace(normalise(await this.migration.again(normalise(job.document))));
    this.runs.show(id);
    this.store.toast(t("toast.settingsRestored"));
    return true;
  }

  async #open(ask: () => Promise<{ document: WorkflowDocument; savedName: string | undefined }>): Promise<boolean> {
    const opened = await this.#attempt(async () => {
      const { document, savedName } = await ask();
      const normal = normalise(await this.migration.opened(normalise(document)));
      this.editor.replace(normal);
      this.runs.forgetPictures();
      this.store.set({ dirty: false, savedName, problems: [] });
      this.store.dismiss("open");
      this.store.toast(t("toast.opened", { name: normal.name || t("workflow.untitled") }));
      return true;
    });
    return opened === true;
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  #failed(error: unknown): void {
    if (error instanceof ApiError && error.unreachable) {
      this.store.notify({ key: "server", tone: "error", title: t("notice.unreachable"), message: t("notice.unreachableHint") });
    } else if (error instanceof ApiError) {
      const title = error.code === "malformed-document" ? t("notice.notOpened") : t("notice.notDone");
      this.store.notify({ key: "open", tone: "error", title, message: error.message });
    } else if (error instanceof TypeError) {
      this.store.notify({ key: "open", tone: "error", title: t("notice.notOpened"), message: t("notice.notWorkflow") });
    } else {
      throw error;
    }
  }
}
