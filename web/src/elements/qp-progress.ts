/** How far a work is: a line that fills, and words beside it. */
import { LitElement, css, html } from "lit";
import { customElement, property } from "lit/decorators.js";

@customElement("qp-progress")
export class QpProgress extends LitElement {
  /** What it is the progress of. */
  @property() label = "";
  /** From 0 to 1. */
  @property({ type: Number }) fraction = 0;
  /** How far it is, in words. */
  @property() text = "";

  override render() {
    const percent = Math.round(this.fraction * 100);
    return html`
      <div
        class="track"
        role="progressbar"
        aria-label=${this.label}
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow=${percent}
        aria-valuetext=${this.text}
      >
        <div class="filled" style="width: ${percent}%"></div>
      </div>
      <span class="text">${this.text}</span>
    `;
  }

  static override readonly styles = css`
    :host {
      display: flex;
      align-items: center;
      gap: 12px;
    }

    .track {
      flex: 1;
      height: 6px;
      border-radius: 3px;
      background: var(--line);
      overflow: hidden;
    }

    .filled {
      height: 100%;
      border-radius: 3px;
      background: var(--tint, var(--accent));
      transition: width 160ms linear;
    }

    .text {
      color: var(--text-soft);
      font-size: 13px;
      font-variant-numeric: tabular-nums;
      white-space: nowrap;
    }
  `;
}
