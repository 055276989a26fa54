/** What a brick said lately, with the newest in sight. */
import { css, html } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { StudioElement } from "../elements/studio-element.js";
import { LEVELS, atLeast, levelOf } from "../i18n/log.js";
import { clockTime } from "../i18n/time.js";
import { t } from "../i18n/text.js";
import type { LogLine } from "../net/types.js";
import type { State } from "../store/state.js";
import { base, controls } from "../styles/shared.js";
import { switchLook } from "../styles/switch.js";
import { sectionLook } from "./section-look.js";

const NONE: readonly LogLine[] = [];
const NEAR_END_PX = 24;

@customElement("qp-brick-log")
export class QpBrickLog extends StudioElement<readonly LogLine[]> {
  @property() brickId = "";
  @state() private lowest: (typeof LEVELS)[number] = "trace";
  @state() private follow = true;
  @query(".lines") private readonly lines!: HTMLElement | null;

  protected view({ inspection }: State): readonly LogLine[] {
    return inspection?.brick === this.brickId ? inspection.log : NONE;
  }

  override updated(): void {
    if (this.follow && this.lines) this.lines.scrollTop = this.lines.scrollHeight;
  }

  /** Whoever scrolls up wants to read; at the end it goes on by itself. */
  #scrolled(): void {
    if (!this.lines) return;
    const { scrollHeight, scrollTop, clientHeight } = this.lines;
    this.follow = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  #line(line: LogLine) {
    const level = levelOf(line.level);
    return html`<li class=${level}>
      <time datetime=${line.at}>${clockTime(line.at)}</time><span class="level">${t(`level.${level}`)}</span><span class="message">${line.message}</span>
    </li>`;
  }

  override render() {
    const lines = this.current.filter((line) => atLeast(line, this.lowest));
    return html`
      <div class="head">
        <h3 id="heading">${t("log.heading")}</h3>
        <label class="quiet" for="lowest">${t("log.level")}</label>
        <select id="lowest" class="input" @change=${(event: Event) => (this.lowest = levelOf((event.target as HTMLSelectElement).value))}>
          ${LEVELS.map((level) => html`<option value=${level} .selected=${level === this.lowest}>${t(`log.from.${level}`)}</option>`)}
        </select>
        <label class="follow">
          ${t("log.follow")}
          <input
            type="checkbox"
            role="switch"
            aria-checked=${this.follow ? "true" : "false"}
            .checked=${live(this.follow)}
            @change=${(event: Event) => (this.follow = (event.target as HTMLInputElement).checked)}
          />
        </label>
      </div>
      ${lines.length === 0
        ? html`<p class="none">${t("log.none")}</p>`
        : html`<div class="lines" role="log" aria-live="off" tabindex="0" aria-labelledby="heading" @scroll=${() => this.#scrolled()}>
            <ol>
              ${lines.map((line) => this.#line(line))}
            </ol>
          </div>`}
    `;
  }

  static override readonly styles = [
    base,
    controls,
    switchLook,
    sectionLook,
    css`
      .head {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 10px;
        margin-bottom: 8px;
      }

      h3 {
        flex: 1;
        margin: 0;
      }

      select.input {
        width: auto;
        min-height: 30px;
        padding: 3px 30px 3px 10px;
        font-size: 13px;
      }

      .follow {
        display: inline-flex;
        align-items: center;
        gap: 8px;
        cursor: pointer;
      }

      .lines {
        max-height: 320px;
        padding: 8px 0;
        border: 1px solid var(--line);
        border-radius: 12px;
        background: var(--surface-raised);
        font: 12px/1.6 var(--font-mono);
        overflow: auto;
        scrollbar-width: thin;
        scrollbar-color: var(--line-strong) transparent;
      }

      .lines li {
        display: grid;
        grid-template-columns: 62px 52px minmax(0, 1fr);
        gap: 8px;
        padding: 0 14px;
      }

      .lines li:hover {
        background: var(--surface-hover);
      }

      time {
        color: var(--text-faint);
        font-variant-numeric: tabular-nums;
      }

      .level {
        color: var(--text-soft);
      }

      .message {
        overflow-wrap: anywhere;
        white-space: pre-wrap;
      }

      .warn .level {
        color: var(--warn);
      }

      .error .level,
      .error .message {
        color: var(--bad);
      }

      @media (max-width: 720px) {
        .lines li {
          grid-template-columns: 62px minmax(0, 1fr);
          gap: 0 8px;
          padding: 2px 14px;
        }

        .message {
          grid-column: 1 / -1;
        }
      }
    `,
  ];
}
