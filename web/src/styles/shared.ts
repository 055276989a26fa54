/** The one look of controls, shared by every element's shadow root. */
import { css } from "lit";

export const base = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }

  :host([hidden]),
  [hidden] {
    display: none !important;
  }

  h1,
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd {
    margin: 0;
    padding: 0;
  }

  ul,
  ol {
    list-style: none;
  }

  :focus {
    outline: none;
  }

  :focus-visible {
    outline: 2px solid var(--focus);
    outline-offset: 2px;
  }

  .quiet {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  svg.icon {
    width: 18px;
    height: 18px;
    flex: none;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.8;
    stroke-linecap: round;
    stroke-linejoin: round;
  }

  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 0.01ms !important;
      animation-iteration-count: 1 !important;
      transition-duration: 0.01ms !important;
      scroll-behavior: auto !important;
    }
  }
`;

export const controls = css`
  button {
    font: inherit;
    color: inherit;
    cursor: pointer;
  }

  button:disabled {
    cursor: default;
  }

  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    min-height: 36px;
    padding: 0 14px;
    border: 1px solid var(--line);
    border-radius: var(--radius-control);
    background: var(--surface-raised);
    color: var(--text);
    font-weight: 550;
    white-space: nowrap;
    transition: background var(--quick), border-color var(--quick), opacity var(--quick);
  }

  .button:hover:not(:disabled) {
    background: var(--surface-hover);
    border-color: var(--line-strong);
  }

  .button:disabled {
    opacity: 0.5;
  }

  .button.primary {
    border-color: transparent;
    background: var(--accent);
    color: var(--accent-text);
  }

  .button.primary:hover:not(:disabled) {
    background: var(--accent-hover);
  }

  .button.danger {
    color: var(--bad);
  }

  .button.small {
    min-height: 30px;
    padding: 0 10px;
    font-size: 13px;
  }

  .icon-button {
    position: relative;
    display: inline-grid;
    place-items: center;
    width: 36px;
    height: 36px;
    padding: 0;
    border: 0;
    border-radius: var(--radius-control);
    background: transparent;
    color: var(--text-soft);
    transition: background var(--quick), color var(--quick);
  }

  .icon-button:hover:not(:disabled) {
    background: var(--surface-hover);
    color: var(--text);
  }

  .icon-button:disabled {
    opacity: 0.38;
  }

  .icon-button.small {
    width: 28px;
    height: 28px;
    border-radius: 8px;
  }

  .icon-button.small svg.icon {
    width: 16px;
    height: 16px;
  }

  label,
  .label {
    display: block;
    color: var(--text-soft);
    font-size: 13px;
    font-weight: 550;
  }

  .input {
    width: 100%;
    min-height: 36px;
    padding: 7px 11px;
    border: 1px solid var(--line);
    border-radius: var(--radius-control);
    background: var(--surface-sunken);
    color: var(--text);
    font: inherit;
    transition: border-color var(--quick), box-shadow var(--quick);
  }

  .input:hover {
    border-color: var(--line-strong);
  }

  .input:focus-visible {
    outline: none;
    border-color: var(--focus);
    box-shadow: 0 0 0 3px color-mix(in srgb, var(--focus) 24%, transparent);
  }

  .input::placeholder {
    color: var(--text-faint);
    opacity: 1;
  }

  .input[aria-invalid="true"] {
    border-color: var(--bad);
  }

  select.input {
    appearance: none;
    padding-right: 32px;
    background-image:
      linear-gradient(45deg, transparent 50%, var(--text-faint) 50%),
      linear-gradient(-45deg, transparent 50%, var(--text-faint) 50%);
    background-position: right 17px center, right 12px center;
    background-size: 5px 5px;
    background-repeat: no-repeat;
    text-overflow: ellipsis;
  }

  select.input option {
    background: var(--surface-raised);
    color: var(--text);
  }

  .hint {
    color: var(--text-faint);
    font-size: 12px;
    line-height: 1.35;
  }

  .fault {
    display: flex;
    gap: 6px;
    color: var(--bad);
    font-size: 13px;
    line-height: 1.4;
  }

  .fault svg.icon {
    width: 15px;
    height: 15px;
    margin-top: 2px;
  }
`;
