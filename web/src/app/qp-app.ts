/** The page: the bar, what needs attention, the strip, and the windows over it; and the keys that work everywhere. */
import { LitElement, css, html } from "lit";
import { customElement, query } from "lit/decorators.js";
import "../bricks-page/qp-bricks.js";
import { deepFocus, isTyping } from "../elements/focus.js";
import "../elements/qp-confirm.js";
import type { QpConfirm } from "../elements/qp-confirm.js";
import { t } from "../i18n/text.js";
import "../mask-editor/qp-mask-editor.js";
import "../models-page/qp-models.js";
import { Client } from "../net/client.js";
import type { Panel } from "../store/state.js";
import { Studio } from "../store/studio.js";
import { base } from "../styles/shared.js";
import "../view-strip/qp-strip.js";
import type { QpStrip } from "../view-strip/qp-strip.js";
import { DeepLink } from "./deep-link.js";
import "./qp-add-drawer.js";
import "./qp-help.js";
import "./qp-history.js";
import "./qp-lightbox.js";
import "./qp-notices.js";
import type { GoTo } from "./qp-notices.js";
import "./qp-toasts.js";
import "./qp-top-bar.js";
import "./qp-workflows.js";
import { type Action, actionOf } from "./shortcuts.js";

@customElement("qp-app")
export class QpApp extends LitElement {
  readonly studio = new Studio(new Client(), localStorage);
  readonly #deepLink = new DeepLink(this.studio);

  @query("qp-strip") private readonly strip!: QpStrip;
  @query("qp-confirm") private readonly confirm!: QpConfirm;

  readonly #keyed = (event: KeyboardEvent): void => {
    const action = actionOf(event, isTyping());
    if (!action || this.#leaveToBrowser(action)) return;
    event.preventDefault();
    this.#act(action);
  };

  readonly #flush = (): void => this.studio.flush();

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("keydown", this.#keyed);
    window.addEventListener("pagehide", this.#flush);
    document.addEventListener("visibilitychange", this.#flush);
    this.#deepLink.follow();
    void this.studio.start();
  }

  override disconnectedCallback(): void {
    window.removeEventListener("keydown", this.#keyed);
    window.removeEventListener("pagehide", this.#flush);
    document.removeEventListener("visibilitychange", this.#flush);
    this.#deepLink.stop();
    this.studio.runs.stopFollowing();
    super.disconnectedCallback();
  }

  /** Behind an open window only the window acts; a search box has an undo of its own. */
  #leaveToBrowser(action: Action): boolean {
    const { panel, lightbox, maskTask } = this.studio.store.state;
    if (panel !== undefined || lightbox !== undefined || maskTask !== undefined) return true;
    const focused = deepFocus();
    return (action === "undo" || action === "redo") && focused instanceof HTMLInputElement && focused.type === "search";
  }

  #act(action: Action): void {
    const { editor, runs } = this.studio;
    switch (action) {
      case "generate":
        return void runs.submit();
      case "stop":
        return void runs.stop();
      case "undo":
        return editor.undo();
      case "redo":
        return editor.redo();
      case "save":
        return void this.#save();
      case "open":
        return this.#show("workflows");
      case "add":
      case "history":
      case "queue":
      case "bricks":
      case "models":
      case "help":
        return this.#show(action);
    }
  }

  #show(panel: Panel): void {
    this.studio.store.set({ panel });
  }

  async #save(): Promise<void> {
    const outcome = await this.studio.library.save();
    if (outcome !== "taken") return;
    const { name } = this.studio.store.state.document;
    const sure = await this.confirm.ask({ title: t("save.takenTitle", { name }), message: t("save.takenMessage"), action: t("save.replace") });
    if (sure) await this.studio.library.save(true);
  }

  async #goTo(event: GoTo): Promise<void> {
    await new Promise(requestAnimationFrame);
    await this.strip.reveal(event.detail.brick, event.detail.name);
  }

  override render() {
    const { studio } = this;
    return html`
      <div class="page" @qp-save=${() => void this.#save()} @qp-go=${(event: GoTo) => void this.#goTo(event)}>
        <qp-top-bar .studio=${studio}></qp-top-bar>
        <main aria-label=${t("app.main")}>
          <qp-notices .studio=${studio}></qp-notices>
          <qp-strip .studio=${studio}></qp-strip>
        </main>
        <qp-add-drawer .studio=${studio}></qp-add-drawer>
        <qp-workflows .studio=${studio}></qp-workflows>
        <qp-history .studio=${studio}></qp-history>
        <qp-queue .studio=${studio}></qp-queue>
        <qp-bricks .studio=${studio}></qp-bricks>
        <qp-models .studio=${studio}></qp-models>
        <qp-help .studio=${studio}></qp-help>
        <qp-lightbox .studio=${studio}></qp-lightbox>
        <qp-mask-editor .studio=${studio}></qp-mask-editor>
        <qp-confirm></qp-confirm>
        <qp-toasts .studio=${studio}></qp-toasts>
      </div>
    `;
  }

  static override readonly styles = [
    base,
    css`
      :host {
        display: block;
        height: 100dvh;
      }

      .page,
      main {
        display: flex;
        flex-direction: column;
        min-height: 0;
      }

      .page {
        height: 100%;
      }

      main {
        flex: 1;
      }
    `,
  ];
}
