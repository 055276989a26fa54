/** One job in a list: its picture, what was asked for, how it stands, and what can be done with it. */
import { css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import { StudioElement } from "../elements/studio-element.js";
import { moment, duration } from "../i18n/time.js";
import { t } from "../i18n/text.js";
import { contentUrl } from "../net/client.js";
import { asText } from "../net/json.js";
import type { Job, JsonObject } from "../net/types.js";
import { isFinished, overallFraction } from "../store/jobs.js";
import { fromResult, seedOf } from "../store/selectors.js";
import type { State } from "../store/state.js";
import { base, controls } from "../styles/shared.js";

@customElement("qp-job-row")
export class QpJobRow extends StudioElement<Job | undefined> {
  @property() jobId = "";

  protected view(state: State): Job | undefined {
    return state.jobs[this.jobId];
  }

  #thumbnails(job: Job) {
    if (job.results.length === 0) {
      return html`<span class="thumbnail empty">${job.preview && !isFinished(job) ? html`<img src=${job.preview.image} alt="" />` : icon("image")}</span>`;
    }
    const pictures = job.results.map(fromResult);
    const count = pictures.length;
    return html`<button
      class="thumbnail"
      type="button"
      aria-label=${count > 1 ? t("history.openMany", { name: job.name, count }) : t("history.open", { name: job.name })}
      @click=${() => this.studio.store.set({ lightbox: { pictures, drawings: [], index: 0, vector: false } })}
    >
      <img loading="lazy" src=${contentUrl(pictures[0]?.digest ?? "")} alt=${t("picture.alt", { title: job.name, number: 1 })} />
      ${count > 1 ? html`<span class="count" aria-hidden="true">${count}</span>` : nothing}
    </button>`;
  }

  #facts(job: Job): string {
    const seed = seedOf(job.results[0]?.info ?? {});
    const facts = [
      moment(job.created_at),
      job.started_at && job.finished_at ? duration(job.started_at, job.finished_at) : "",
      seed === undefined ? "" : t("history.seed", { seed: asText(seed) }),
    ];
    return facts.filter(Boolean).join(" · ");
  }

  #progress(job: Job) {
    if (job.state !== "running") return nothing;
    const percent = Math.round(overallFraction(job) * 100);
    return html`<progress max="100" value=${percent} aria-label=${t("progress.label", { brick: job.name })}></progress>`;
  }

  #actions(job: Job) {
    if (!isFinished(job)) {
      return html`<button class="button small" type="button" aria-label=${t("queue.cancelOne", { name: job.name })} @click=${() => void this.studio.runs.cancel(job.id)}>
        ${t("queue.cancel")}
      </button>`;
    }
    return html`
      <button class="button small" type="button" @click=${() => this.#ask("qp-use")}>${t("history.use")}</button>
      <button class="icon-button small" type="button" aria-label=${t("history.delete", { name: job.name })} @click=${() => this.#ask("qp-delete")}>
        ${icon("trash")}
      </button>
    `;
  }

  /** Leaves to the list what goes beyond this row: `qp-use` restores the job's document, `qp-delete` removes the job. */
  #ask(name: "qp-use" | "qp-delete"): void {
    this.dispatchEvent(new CustomEvent<string>(name, { detail: this.jobId, bubbles: true, composed: true }));
  }

  override render() {
    const job = this.current;
    if (!job) return nothing;
    const name = job.name || t("workflow.untitled");
    return html`
      <article aria-label=${name}>
        ${this.#thumbnails(job)}
        <div class="words">
          <p class="prompt">${promptOf(job.results[0]?.info ?? {}) || name}</p>
          <p class="facts"><span class="state ${job.state}">${t(`job.${job.state}`)}</span><span>${this.#facts(job)}</span></p>
          ${job.error ? html`<p class="fault">${job.error.message}</p>` : nothing} ${this.#progress(job)}
          <div class="actions">${this.#actions(job)}</div>
        </div>
      </article>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    css`
      :host {
        display: block;
      }

      article {
        display: flex;
        gap: 12px;
        padding: 10px;
        border: 1px solid var(--line);
        border-radius: 12px;
        background: var(--surface-raised);
      }

      .thumbnail {
        position: relative;
        display: grid;
        flex: none;
        place-items: center;
        width: 92px;
        height: 92px;
        padding: 0;
        border: 0;
        border-radius: 9px;
        background: var(--surface-sunken);
        color: var(--text-faint);
        overflow: hidden;
      }

      button.thumbnail {
        cursor: zoom-in;
      }

      .thumbnail img {
        width: 100%;
        height: 100%;
        object-fit: cover;
      }

      .count {
        position: absolute;
        right: 5px;
        bottom: 5px;
        padding: 0 6px;
        border-radius: 8px;
        background: rgb(10 10 15 / 0.78);
        color: #ffffff;
        font-size: 12px;
      }

      .words {
        display: grid;
        flex: 1;
        align-content: start;
        gap: 4px;
        min-width: 0;
      }

      .prompt {
        display: -webkit-box;
        overflow: hidden;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 2;
        overflow-wrap: anywhere;
        font-weight: 550;
      }

      .facts {
        display: flex;
        flex-wrap: wrap;
        gap: 2px 8px;
        color: var(--text-soft);
        font-size: 12.5px;
        font-variant-numeric: tabular-nums;
      }

      .state {
        font-weight: 600;
      }

      .state.succeeded {
        color: var(--good);
      }

      .state.failed {
        color: var(--bad);
      }

      .state.running,
      .state.interrupted {
        color: var(--warn);
      }

      .actions {
        display: flex;
        align-items: center;
        gap: 6px;
        margin-top: 2px;
      }

      progress {
        width: 100%;
        height: 6px;
        border: 0;
        border-radius: 3px;
        background: var(--line);
        overflow: hidden;
        accent-color: var(--generator);
      }

      progress::-webkit-progress-bar {
        background: var(--line);
      }

      progress::-webkit-progress-value {
        background: var(--generator);
      }
    `,
  ];
}

function promptOf(info: JsonObject): string {
  return typeof info["prompt"] === "string" ? info["prompt"] : "";
}
