/** The window in which a mask is painted over a picture, and the way of the mask into its brick. */
import { html, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import { Modal, modalLook } from "../elements/modal.js";
import "../elements/qp-confirm.js";
import type { QpConfirm } from "../elements/qp-confirm.js";
import { StudioElement } from "../elements/studio-element.js";
import { t } from "../i18n/text.js";
import { contentUrl } from "../net/client.js";
import { asText } from "../net/json.js";
import { findBrick } from "../store/document.js";
import { subjectOf } from "../store/mask-subject.js";
import type { MaskTask, State } from "../store/state.js";
import { base, controls } from "../styles/shared.js";
import { type Brush, brushFor, resized } from "./brush.js";
import { gridFor, loaded, readMask, writeMask } from "./canvas-of.js";
import { type MaskAction, actionOf } from "./keys.js";
import { MaskEdits } from "./mask-edits.js";
import { maskEditorStyles } from "./mask-editor-styles.js";
import { Mask, type Size } from "./mask.js";
import "./qp-mask-board.js";
import type { BrushChanged, QpMaskBoard } from "./qp-mask-board.js";
import "./qp-mask-start.js";
import type { MaskStarted } from "./qp-mask-start.js";
import "./qp-mask-tools.js";
import type { MaskActed } from "./qp-mask-tools.js";

/** What is being painted. */
interface Work {
  edits: MaskEdits;
  /** The address of the picture; empty for none. */
  picture: string;
}

@customElement("qp-mask-editor")
export class QpMaskEditor extends StudioElement<MaskTask | undefined> {
  @query("qp-mask-board") private readonly board!: QpMaskBoard | null;
  @query("qp-confirm") private readonly confirm!: QpConfirm;
  @state() private work: Work | undefined;
  @state() private brush: Brush = { tool: "paint", diameter: 0 };
  @state() private loading = false;
  @state() private saving = false;
  @state() private problem = "";

  readonly #modal = new Modal(this, () => this.current !== undefined);
  #opened: MaskTask | undefined;

  protected view(state: State): MaskTask | undefined {
    return state.maskTask;
  }

  protected override updated(): void {
    const task = this.current;
    if (task === this.#opened) return;
    this.#opened = task;
    if (task) void this.#open(task);
  }

  async #open(task: MaskTask): Promise<void> {
    this.loading = true;
    this.problem = "";
    const found = await this.#find(task).catch(() => {
      this.problem = t("mask.gone");
      return undefined;
    });
    if (this.#opened !== task) return;
    this.loading = false;
    if (found) this.#begin(found);
  }

  /** The picture of the task with its mask as it is, or the mask alone; nothing where there is neither. */
  async #find({ brick, param }: MaskTask): Promise<Work | undefined> {
    const { state } = this.studio.store;
    const subject = subjectOf(state, brick);
    const mask = asText(findBrick(state.document, brick)?.params[param] ?? "");
    const [picture, old] = await Promise.all([subject, mask].map(stored));
    const image = picture ?? old;
    if (!image) return undefined;
    const size = gridFor({ width: image.naturalWidth, height: image.naturalHeight });
    const edits = new MaskEdits(old ? readMask(old, size) : new Mask(size.width, size.height));
    return { edits, picture: picture?.src ?? "" };
  }

  #start({ width, height, picture }: Size & { picture: string }): void {
    const size = gridFor({ width, height });
    this.problem = "";
    this.#begin({ edits: new MaskEdits(new Mask(size.width, size.height)), picture });
  }

  #begin(work: Work): void {
    this.work = work;
    this.brush = brushFor(work.edits.mask);
    void this.updateComplete.then(() => this.board?.focus());
  }

  /** Stores the mask and gives it to its brick, as one step of the document. */
  async #done(): Promise<void> {
    const task = this.current;
    if (!this.work || !task) return;
    this.work.edits.end();
    this.saving = true;
    const stored = await this.studio.upload(await writeMask(this.work.edits.mask));
    this.saving = false;
    if (!stored) {
      this.problem = t("field.imageFailed");
      return;
    }
    this.studio.editor.setParams(task.brick, [{ name: task.param, value: stored.digest }]);
    this.#close();
  }

  /** Closes, after asking where strokes would be lost. */
  async #leave(): Promise<void> {
    if (this.saving) return;
    const question = { title: t("mask.leaveTitle"), message: t("mask.leaveMessage"), action: t("mask.leave") };
    if (!this.work?.edits.isChanged || (await this.confirm.ask(question))) this.#close();
  }

  #close(): void {
    if (this.work?.picture.startsWith("blob:")) URL.revokeObjectURL(this.work.picture);
    this.work = undefined;
    this.problem = "";
    this.studio.store.set({ maskTask: undefined });
  }

  /** Browsers that don't know `closedby` close it on a second Escape, whatever is said to the first; then it opens again and asks. */
  #closed(): void {
    if (this.current === undefined) return this.#modal.giveFocusBack();
    this.requestUpdate();
    void this.#leave();
  }

  #cancelled(event: Event): void {
    event.preventDefault();
    void this.#leave();
  }

  #keyed(event: KeyboardEvent): void {
    const action = actionOf(event, this.board?.matches(":focus") ?? false);
    if (!action || (!this.work && action.do !== "close")) return;
    event.preventDefault();
    this.#act(action);
  }

  #act(action: MaskAction): void {
    const { board, work } = this;
    if (action.do === "close") return void this.#leave();
    if (!board || !work) return;
    switch (action.do) {
      case "undo":
      case "redo":
      case "clear":
      case "invert":
        board.draw(work.edits[action.do]());
        return this.requestUpdate();
      case "tool":
        this.brush = { ...this.brush, tool: action.tool };
        return;
      case "resize":
        this.brush = resized(this.brush, action.steps);
        return;
      case "fit":
        return board.fit();
      case "zoom":
        return board.zoomBy(action.factor);
      case "dab":
        return board.dab();
      case "move":
        return board.lead(action, action.draws);
    }
  }

  #content() {
    if (this.loading) return html`<p class="wait" role="status">${t("mask.loading")}</p>`;
    if (!this.work) return html`<qp-mask-start @qp-mask-start=${(event: MaskStarted) => this.#start(event.detail)}></qp-mask-start>`;
    const { edits, picture } = this.work;
    return html`
      <qp-mask-tools
        .edits=${edits}
        .brush=${this.brush}
        .painted=${edits.mask.painted}
        @qp-brush=${(event: BrushChanged) => (this.brush = event.detail)}
        @qp-mask-act=${(event: MaskActed) => this.#act(event.detail)}
        @qp-mask-back=${() => this.board?.focus()}
      ></qp-mask-tools>
      <qp-mask-board
        .edits=${edits}
        .brush=${this.brush}
        .picture=${picture}
        @qp-brush=${(event: BrushChanged) => (this.brush = event.detail)}
        @qp-mask-edited=${() => this.requestUpdate()}
      ></qp-mask-board>
    `;
  }

  override render() {
    const isEmpty = this.work === undefined || this.work.edits.mask.painted === 0;
    return html`
      <dialog closedby="none" aria-labelledby="heading" tabindex="-1" @cancel=${(event: Event) => this.#cancelled(event)} @close=${() => this.#closed()} @keydown=${(event: KeyboardEvent) => this.#keyed(event)}>
        <div class="frame">
          <div class="head">
            <h2 id="heading">${t("mask.heading")}</h2>
            <button class="icon-button" type="button" aria-label=${t("dialog.close")} @click=${() => void this.#leave()}>${icon("close")}</button>
          </div>
          <div class="body">${this.current ? this.#content() : nothing}</div>
          <div class="foot">
            ${this.problem === "" ? html`<p class="hint">${this.work ? t("mask.hint") : nothing}</p>` : html`<p class="fault" role="alert">${icon("alert")}<span>${this.problem}</span></p>`}
            <button class="button" type="button" @click=${() => void this.#leave()}>${t("confirm.keep")}</button>
            <button class="button primary" type="button" ?disabled=${isEmpty || this.saving} title=${isEmpty ? t("mask.empty") : ""} @click=${() => void this.#done()}>
              ${icon("check")}${this.saving ? t("field.imageBusy") : t("mask.done")}
            </button>
          </div>
        </div>
      </dialog>
      <qp-confirm></qp-confirm>
    `;
  }

  static override readonly styles = [base, controls, modalLook, maskEditorStyles];
}

/** A picture of the studio's store. */
function stored(digest: string | undefined): Promise<HTMLImageElement | undefined> {
  return digest ? loaded(contentUrl(digest)) : Promise.resolve(undefined);
}
