/** The look of a brick's card. */
import { css } from "lit";

export const cardStyles = css`
  :host {
    --tint: var(--neutral);
    --tint-text: var(--neutral-text);
    display: flex;
    min-width: 0;
    flex: 1;
  }

  :host([category="input"]) {
    --tint: var(--input);
    --tint-text: var(--input-text);
  }

  :host([category="generator"]) {
    --tint: var(--generator);
    --tint-text: var(--generator-text);
  }

  :host([category="setting"]) {
    --tint: var(--setting);
    --tint-text: var(--setting-text);
  }

  :host([category="output"]) {
    --tint: var(--output);
    --tint-text: var(--output-text);
  }

  article {
    position: relative;
    display: flex;
    flex-direction: column;
    flex: 1;
    min-width: 0;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background:
      linear-gradient(to bottom, color-mix(in srgb, var(--tint) 9%, transparent), transparent 120px),
      var(--surface);
    box-shadow: var(--shadow);
    /* Not hidden, which would hold what is sticky inside. */
    overflow: clip;
    transition: border-color var(--quick);
  }

  article::before {
    content: "";
    position: absolute;
    inset: 0 0 auto;
    height: 3px;
    background: var(--tint);
  }

  article.running {
    border-color: color-mix(in srgb, var(--tint) 60%, var(--line));
  }

  article.failed {
    border-color: color-mix(in srgb, var(--bad) 60%, var(--line));
  }

  header {
    display: flex;
    align-items: center;
    gap: 5px;
    padding: 14px 5px 8px 6px;
  }

  .grip {
    width: 20px;
    cursor: grab;
    touch-action: none;
    color: var(--text-faint);
  }

  .grip:active {
    cursor: grabbing;
  }

  .mark {
    display: grid;
    place-items: center;
    width: 28px;
    height: 28px;
    border-radius: 8px;
    background: color-mix(in srgb, var(--tint) 18%, transparent);
    color: var(--tint-text);
  }

  .mark svg.icon {
    width: 16px;
    height: 16px;
  }

  .name {
    flex: 1;
    min-width: 0;
  }

  /* Names of two words are wider than a narrow card has room for beside its buttons. */
  h2 {
    display: -webkit-box;
    overflow: hidden;
    font-size: 15px;
    font-weight: 650;
    line-height: 1.3;
    -webkit-box-orient: vertical;
    -webkit-line-clamp: 2;
    overflow-wrap: anywhere;
  }

  .state {
    position: relative;
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 2px 5px;
    color: var(--text-soft);
    font-size: 12px;
    line-height: 1.35;
    padding-left: 12px;
    white-space: nowrap;
  }

  /* Beside the word however narrow the card is. */
  .led {
    position: absolute;
    top: 5px;
    left: 0;
    width: 7px;
    height: 7px;
    border-radius: 50%;
    background: var(--line-strong);
  }

  .led.missing,
  .led.unknown {
    border: 2px solid var(--warn);
    background: none;
  }

  .led.waiting {
    background: var(--text-faint);
  }

  .led.running {
    background: var(--tint);
    animation: breathe 1.4s ease-in-out infinite;
  }

  .led.done,
  .led.cached {
    background: var(--good);
  }

  .led.failed {
    background: var(--bad);
  }

  .actions {
    display: flex;
  }

  .wires {
    display: flex;
    flex-wrap: wrap;
    gap: 5px;
    padding: 0 14px 4px;
  }

  .wire {
    display: inline-flex;
    align-items: center;
    gap: 4px;
    min-width: 0;
    max-width: 100%;
    padding: 1px 8px;
    border-radius: 6px;
    background: color-mix(in srgb, var(--text-faint) 12%, transparent);
    color: var(--text-soft);
    font-size: 12px;
  }

  .wire span {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }

  .wire span:last-child {
    flex: none;
    max-width: 70%;
  }

  .wire svg.icon {
    width: 12px;
    height: 12px;
    color: var(--text-faint);
  }

  .paint-mask {
    align-self: start;
    margin: 4px 14px 0;
  }

  .wire.open {
    background: var(--warn-ground);
    color: var(--warn);
  }

  .body {
    display: flex;
    flex-direction: column;
    flex: 1;
    gap: 14px;
    min-height: 0;
    padding: 10px 14px 16px;
    overflow: auto;
    scrollbar-width: thin;
    scrollbar-color: var(--line-strong) transparent;
  }

  qp-stage {
    flex: 1 0 auto;
  }

  qp-stage:not([filled]) {
    display: none;
  }

  /* Stays in sight while the person goes on to a slider further down. */
  qp-live-preview {
    position: sticky;
    z-index: 1;
    top: -10px;
    flex: none;
    margin: 0 -14px;
    padding: 10px 14px;
    background: var(--surface);
  }

  .made qp-stage[filled] {
    padding: 14px 14px 16px;
    border-top: 1px solid var(--line);
  }

  .faults {
    display: grid;
    gap: 6px;
    padding: 10px 12px;
    border-radius: 10px;
    background: var(--bad-ground);
  }

  .notes {
    display: grid;
    gap: 6px;
    padding: 10px 12px;
    border-radius: 10px;
    background: var(--warn-ground);
    color: var(--warn);
    font-size: 13px;
    line-height: 1.4;
  }

  .notes li {
    display: flex;
    gap: 6px;
    overflow-wrap: anywhere;
  }

  .notes svg.icon {
    width: 15px;
    height: 15px;
    margin-top: 2px;
  }

  .told {
    display: grid;
    gap: 6px;
    font-size: 13px;
    overflow-wrap: anywhere;
  }

  .told dt {
    color: var(--text-faint);
    font-size: 12px;
  }

  .missing-brick {
    display: grid;
    gap: 10px;
    color: var(--text-soft);
  }

  pre {
    margin: 0;
    padding: 10px;
    border-radius: 8px;
    background: var(--surface-sunken);
    font: 12px/1.5 var(--font-mono);
    overflow: auto;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }

  .collapsed header {
    flex: 1;
    flex-direction: column;
    gap: 10px;
    padding: 14px 0;
  }

  .collapsed .grip {
    width: 28px;
  }

  .collapsed h2 {
    display: block;
    min-height: 0;
    text-overflow: ellipsis;
    white-space: nowrap;
    writing-mode: vertical-rl;
    color: var(--text-soft);
  }

  .collapsed .state {
    padding-left: 0;
  }

  .collapsed .led {
    position: static;
  }

  .collapsed .name {
    display: flex;
    flex: 0 1 auto;
    flex-direction: column;
    align-items: center;
    gap: 10px;
    min-height: 0;
  }

  .collapsed .actions {
    order: -1;
  }

  @media (max-width: 720px) {
    .collapsed header {
      flex-direction: row;
      padding: 10px 10px 10px 8px;
    }

    .collapsed h2 {
      writing-mode: horizontal-tb;
    }

    .collapsed .name {
      flex: 1;
      flex-direction: row;
    }

    .collapsed .actions {
      order: 0;
      margin-left: auto;
    }

    .body {
      overflow: visible;
    }
  }

  @keyframes breathe {
    50% {
      opacity: 0.35;
    }
  }
`;
