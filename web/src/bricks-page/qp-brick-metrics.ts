/** The figures of a brick since the studio started. */
import { LitElement, css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { bytes, counted, milliseconds } from "../i18n/amounts.js";
import { t, type TextKey } from "../i18n/text.js";
import type { Metrics } from "../net/types.js";
import { base } from "../styles/shared.js";
import { sectionLook } from "./section-look.js";

const FIGURES: readonly [keyof Metrics, TextKey, (value: number) => string][] = [
  ["runs", "metrics.runs", counted],
  ["failures", "metrics.failures", counted],
  ["traps", "metrics.traps", counted],
  ["swaps", "metrics.swaps", counted],
  ["cpu_ms", "metrics.cpu", milliseconds],
  ["peak_memory", "metrics.memory", bytes],
  ["bytes_copied", "metrics.copied", bytes],
  ["denied", "metrics.denied", counted],
  ["would_deny", "metrics.wouldDeny", counted],
];

/** Figures that are better at nothing. */
const WORRYING: readonly (keyof Metrics)[] = ["failures", "traps", "denied"];

@customElement("qp-brick-metrics")
export class QpBrickMetrics extends LitElement {
  @property({ attribute: false }) metrics!: Metrics;

  override render() {
    return html`
      <h3 id="heading">${t("metrics.heading")}</h3>
      <dl aria-labelledby="heading">
        ${FIGURES.map(([key, label, write]) => {
          const value = this.metrics[key];
          return html`<div class=${WORRYING.includes(key) && value > 0 ? "worrying" : ""}><dt>${t(label)}</dt><dd>${write(value)}</dd></div>`;
        })}
      </dl>
    `;
  }

  static override readonly styles = [
    base,
    sectionLook,
    css`
      dl {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(130px, 1fr));
        gap: 8px;
      }

      dl > div {
        display: flex;
        flex-direction: column-reverse;
        padding: 9px 12px;
        border: 1px solid var(--line);
        border-radius: 12px;
        background: var(--surface-raised);
      }

      dt {
        color: var(--text-soft);
        font-size: 12px;
      }

      dd {
        font-size: 16.5px;
        font-weight: 620;
        font-variant-numeric: tabular-nums;
        line-height: 1.35;
        white-space: nowrap;
      }

      .worrying dd {
        color: var(--bad);
      }
    `,
  ];
}
