/** Two drawers over the jobs: what was made, and what is under way. */
import { css, html, nothing } from "lit";
import { customElement, query } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import "../elements/qp-confirm.js";
import type { QpConfirm } from "../elements/qp-confirm.js";
import "../elements/qp-dialog.js";
import { StudioElement } from "../elements/studio-element.js";
import { t } from "../i18n/text.js";
import { isFinished } from "../store/jobs.js";
import { queue } from "../store/selectors.js";
import type { Panel, State } from "../store/state.js";
import type { Studio } from "../store/studio.js";
import { base, controls } from "../styles/shared.js";
import "./qp-job-row.js";

const look = css`
  ul {
    display: grid;
    gap: 8px;
  }

  .none {
    padding: 32px 0;
    color: var(--text-faint);
    text-align: center;
  }

  .more {
    width: 100%;
    margin-top: 12px;
  }
`;

function rows(studio: Studio, ids: readonly string[], label: string) {
  return html`<ul aria-label=${label}>
    ${repeat(
      ids,
      (id) => id,
      (id) => html`<li><qp-job-row .studio=${studio} .jobId=${id}></qp-job-row></li>`,
    )}
  </ul>`;
}

function close(studio: Studio, panel: Panel): void {
  if (studio.store.state.panel === panel) studio.store.set({ panel: undefined });
}

@customElement("qp-history")
export class QpHistory extends StudioElement<{ open: boolean; ids: string[]; more: boolean }> {
  @query("qp-confirm") private readonly confirm!: QpConfirm;

  protected view(state: State): { open: boolean; ids: string[]; more: boolean } {
    const open = state.panel === "history";
    const finished = (id: string): boolean => {
      const job = state.jobs[id];
      return job !== undefined && isFinished(job);
    };
    return { open, ids: open ? state.jobOrder.filter(finished) : [], more: state.moreJobs };
  }

  async #use(event: CustomEvent<string>): Promise<void> {
    if (await this.studio.library.useJob(event.detail)) close(this.studio, "history");
  }

  async #delete(event: CustomEvent<string>): Promise<void> {
    const sure = await this.confirm.ask({ title: t("history.deleteTitle"), message: t("history.deleteMessage"), action: t("history.deleteYes") });
    if (sure) await this.studio.runs.remove(event.detail);
  }

  override render() {
    const { open, ids, more } = this.current;
    return html`
      <qp-dialog
        placement="left"
        heading=${t("history.heading")}
        ?open=${open}
        @qp-close=${() => close(this.studio, "history")}
        @qp-use=${(event: CustomEvent<string>) => void this.#use(event)}
        @qp-delete=${(event: CustomEvent<string>) => void this.#delete(event)}
      >
        ${ids.length === 0 ? html`<p class="none">${t("history.none")}</p>` : rows(this.studio, ids, t("history.heading"))}
        ${more ? html`<button class="button more" type="button" @click=${() => void this.studio.runs.more()}>${t("history.more")}</button>` : nothing}
      </qp-dialog>
      <qp-confirm></qp-confirm>
    `;
  }

  static override readonly styles = [base, controls, look];
}

@customElement("qp-queue")
export class QpQueue extends StudioElement<{ open: boolean; ids: string[] }> {
  protected view(state: State): { open: boolean; ids: string[] } {
    const open = state.panel === "queue";
    return { open, ids: open ? queue(state) : [] };
  }

  override render() {
    const { open, ids } = this.current;
    return html`
      <qp-dialog placement="right" heading=${t("queue.heading")} ?open=${open} @qp-close=${() => close(this.studio, "queue")}>
        ${ids.length === 0 ? html`<p class="none">${t("queue.none")}</p>` : rows(this.studio, ids, t("queue.heading"))}
      </qp-dialog>
    `;
  }

  static override readonly styles = [base, controls, look];
}
