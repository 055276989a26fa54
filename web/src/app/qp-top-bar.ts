/** The bar at the top: which workflow this is, and what can be done with it. */
import { html, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { type IconName, icon } from "../elements/icons.js";
import { StudioElement } from "../elements/studio-element.js";
import { t } from "../i18n/text.js";
import { troubled } from "../store/brick-condition.js";
import { queue, stoppable } from "../store/selectors.js";
import type { Connection, Panel, State } from "../store/state.js";
import { base, controls } from "../styles/shared.js";
import "./qp-run-progress.js";
import { topBarStyles } from "./top-bar-styles.js";

interface View {
  name: string;
  dirty: boolean;
  canUndo: boolean;
  canRedo: boolean;
  canRun: boolean;
  busy: boolean;
  stopping: boolean;
  submitting: boolean;
  waiting: number;
  connection: Connection;
  /** Bricks that are stopped or refused. */
  troubled: number;
}

@customElement("qp-top-bar")
export class QpTopBar extends StudioElement<View> {
  protected view(state: State): View {
    return {
      name: state.document.name,
      dirty: state.dirty,
      canUndo: state.history.past.length > 0,
      canRedo: state.history.future.length > 0,
      canRun: state.document.bricks.length > 0,
      busy: stoppable(state) !== undefined,
      stopping: stoppable(state)?.stopping ?? false,
      submitting: state.submitting,
      waiting: queue(state).length,
      connection: state.connection,
      troubled: troubled(state),
    };
  }

  #show(panel: Panel): void {
    this.studio.store.set({ panel });
  }

  #tool(name: IconName, label: string, act: () => void, disabled = false) {
    return html`<button class="icon-button" type="button" aria-label=${label} title=${label} ?disabled=${disabled} @click=${act}>${icon(name)}</button>`;
  }

  #queueButton(waiting: number) {
    const label = waiting === 0 ? t("bar.queue") : t("bar.queueCount", { count: waiting });
    return html`<button class="icon-button" type="button" aria-label=${label} title=${label} @click=${() => this.#show("queue")}>
      ${icon("queue")}${waiting === 0 ? nothing : html`<span class="badge" aria-hidden="true">${waiting}</span>`}
    </button>`;
  }

  #bricksButton(count: number) {
    const label = count === 0 ? t("bar.bricks") : t("bar.bricksCount", { count });
    return html`<button class="icon-button" type="button" aria-label=${label} title=${label} @click=${() => this.#show("bricks")}>
      ${icon("brick")}${count === 0 ? nothing : html`<span class="dot warn" aria-hidden="true"></span>`}
    </button>`;
  }

  #saveButton(dirty: boolean) {
    const label = dirty ? t("bar.saveDirty") : t("bar.save");
    return html`<button class="icon-button" type="button" aria-label=${t("bar.save")} title=${label} @click=${() => this.#save()}>
      ${icon("save")}${dirty ? html`<span class="dot" aria-hidden="true"></span>` : nothing}
    </button>`;
  }

  #save(): void {
    this.dispatchEvent(new CustomEvent("qp-save", { bubbles: true, composed: true }));
  }

  override render() {
    const { name, dirty, canUndo, canRedo, canRun, busy, stopping, submitting, waiting, connection, troubled } = this.current;
    const { editor, runs } = this.studio;
    return html`
      <header>
        <div class="brand">
          <img src="icon.svg" alt="" width="28" height="28" />
          <h1>${t("app.name")}</h1>
        </div>
        <div class="workflow">
          <input
            class="input name"
            aria-label=${t("bar.name")}
            placeholder=${t("workflow.untitled")}
            autocomplete="off"
            spellcheck="false"
            maxlength="120"
            .value=${live(name)}
            @input=${(event: Event) => editor.rename((event.target as HTMLInputElement).value)}
          />
        </div>
        <p class="connection" role="status">${connection === "reconnecting" ? html`<span class="pill">${t("bar.reconnecting")}</span>` : nothing}</p>
        <div class="tools" role="toolbar" aria-label=${t("bar.tools")}>
          ${this.#tool("undo", t("bar.undo"), () => editor.undo(), !canUndo)} ${this.#tool("redo", t("bar.redo"), () => editor.redo(), !canRedo)}
          <span class="gap"></span>
          ${this.#saveButton(dirty)} ${this.#tool("folder", t("bar.open"), () => this.#show("workflows"))}
          ${this.#tool("history", t("bar.history"), () => this.#show("history"))} ${this.#queueButton(waiting)}
          ${this.#bricksButton(troubled)} ${this.#tool("model", t("bar.models"), () => this.studio.shelf.open())}
          ${this.#tool("help", t("bar.help"), () => this.#show("help"))}
        </div>
        <div class="run">
          ${busy
            ? html`<qp-run-progress .studio=${this.studio}></qp-run-progress>
                <button class="button stop" type="button" title=${t("bar.stopHint")} ?disabled=${stopping} @click=${() => void runs.stop()}>
                  ${icon("stop")}${stopping ? t("bar.stopping") : t("bar.stop")}
                </button>`
            : nothing}
          <button class="button primary generate" type="button" title=${t("bar.generateHint")} ?disabled=${!canRun || submitting} @click=${() => void runs.submit()}>
            ${icon("generator")}${t("bar.generate")}
          </button>
        </div>
      </header>
    `;
  }

  static override readonly styles = [base, controls, topBarStyles];
}
