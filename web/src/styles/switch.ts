/** The look of a box that is ticked for on, drawn as a switch. */
import { css } from "lit";

export const switchLook = css`
  input[role="switch"] {
    appearance: none;
    position: relative;
    flex: none;
    width: 40px;
    height: 22px;
    margin: 0;
    border: 1px solid var(--line-strong);
    border-radius: 11px;
    background: var(--surface-sunken);
    cursor: pointer;
    transition: background var(--quick);
  }

  input[role="switch"]::after {
    content: "";
    position: absolute;
    inset: 2px auto 2px 2px;
    width: 16px;
    border-radius: 50%;
    background: var(--text-soft);
    transition: transform var(--quick), background var(--quick);
  }

  input[role="switch"]:checked {
    border-color: transparent;
    background: var(--accent);
  }

  input[role="switch"]:checked::after {
    background: var(--accent-text);
    transform: translateX(18px);
  }

  input[role="switch"]:disabled {
    opacity: 0.5;
    cursor: default;
  }
`;
