/** What the person should know, as cards that stay: failures, and what is still wrong with the workflow. */
import { css, html, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { icon } from "../elements/icons.js";
import { StudioElement } from "../elements/studio-element.js";
import { t } from "../i18n/text.js";
import type { Problem } from "../net/types.js";
import { isRefused, titlesOf } from "../store/selectors.js";
import type { Notice, State } from "../store/state.js";
import { noticeLook } from "../styles/notice.js";
import { base, controls } from "../styles/shared.js";
import "./qp-consents.js";
import "./qp-refusals.js";

interface View {
  notices: Notice[];
  problems: Problem[];
  refusedRun: boolean;
}

/** Where to go for a problem. */
export type GoTo = CustomEvent<{ brick: string; name?: string }>;

@customElement("qp-notices")
export class QpNotices extends StudioElement<View> {
  protected view(state: State): View {
    return { notices: state.notices, problems: state.problems, refusedRun: isRefused(state) };
  }

  #go(brick: string, name?: string | null): void {
    const detail = name ? { brick, name } : { brick };
    this.dispatchEvent(new CustomEvent("qp-go", { detail, bubbles: true, composed: true }));
  }

  #title(brick: string): string {
    return titlesOf(this.studio.store.state).get(brick) ?? brick;
  }

  #notice(notice: Notice) {
    const { key, tone, title, message, details, brick } = notice;
    return html`<section class="notice ${tone}" role="alert" aria-label=${title}>
      ${icon("alert")}
      <div class="words">
        <strong>${title}</strong>
        <p>${message}</p>
        ${details ? html`<ul>${details.map((detail) => html`<li>${detail}</li>`)}</ul>` : nothing}
      </div>
      ${brick === undefined
        ? nothing
        : html`<button class="button small" type="button" @click=${() => this.#go(brick)}>${t("notice.goTo", { brick: this.#title(brick) })}</button>`}
      <button class="icon-button small" type="button" aria-label=${t("notice.dismiss", { title })} @click=${() => this.studio.store.dismiss(key)}>
        ${icon("close")}
      </button>
    </section>`;
  }

  #problem(problem: Problem) {
    const { brick, name, message } = problem;
    if (!brick) return html`<li>${message}</li>`;
    return html`<li>
      <button class="problem" type="button" @click=${() => this.#go(brick, name)}><strong>${this.#title(brick)}</strong><span>${message}</span></button>
    </li>`;
  }

  #problems(problems: Problem[], refusedRun: boolean) {
    if (problems.length === 0) return nothing;
    const count = problems.length === 1 ? t("problems.one") : t("problems.many", { count: problems.length });
    return html`<section class="notice problems ${refusedRun ? "error" : "warning"}" role=${refusedRun ? "alert" : "region"} aria-labelledby="problems">
      ${icon("alert")}
      <div class="words">
        <strong id="problems">${refusedRun ? t("notice.refused") : count}</strong>
        <ul>
          ${problems.map((problem) => this.#problem(problem))}
        </ul>
      </div>
    </section>`;
  }

  override render() {
    const { notices, problems, refusedRun } = this.current;
    return html`
      <qp-consents .studio=${this.studio}></qp-consents>
      <qp-refusals .studio=${this.studio}></qp-refusals>
      ${repeat(
        notices,
        (notice) => notice.key,
        (notice) => this.#notice(notice),
      )}
      ${this.#problems(problems, refusedRun)}
    `;
  }

  static override readonly styles = [
    base,
    controls,
    noticeLook,
    css`
      :host {
        display: grid;
        gap: 8px;
        max-height: 40vh;
        padding: 0 16px;
        overflow: auto;
      }

      .problems ul {
        display: flex;
        flex-wrap: wrap;
        gap: 2px 14px;
      }

      .problem {
        padding: 1px 2px;
        border: 0;
        border-radius: 4px;
        background: none;
        text-align: left;
      }

      .problem strong {
        margin-right: 6px;
        color: var(--text);
        font-weight: 600;
      }

      .problem:hover span {
        text-decoration: underline;
        text-underline-offset: 3px;
      }

      @media (max-width: 720px) {
        :host {
          padding: 0 12px;
        }
      }
    `,
  ];
}
