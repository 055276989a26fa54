/** The look of the top bar, which on a phone hands Generate and Stop to the foot of the screen. */
import { css } from "lit";

export const topBarStyles = css`
  :host {
    display: block;
  }

  header {
    display: flex;
    align-items: center;
    gap: 12px;
    padding: 12px 18px 4px;
  }

  .brand {
    display: flex;
    align-items: center;
    gap: 10px;
  }

  .brand img {
    display: block;
  }

  h1 {
    font-size: 16px;
    font-weight: 680;
    letter-spacing: -0.01em;
    white-space: nowrap;
  }

  .workflow {
    flex: 1;
    min-width: 90px;
    max-width: 360px;
  }

  .name {
    border-color: transparent;
    background: transparent;
    color: var(--text-soft);
    text-overflow: ellipsis;
  }

  .name:focus-visible {
    background: var(--surface-sunken);
    color: var(--text);
  }

  .connection {
    flex: 1;
    text-align: right;
  }

  .pill {
    padding: 4px 12px;
    border-radius: 999px;
    background: var(--warn-ground);
    color: var(--warn);
    font-size: 13px;
    font-weight: 550;
    white-space: nowrap;
  }

  .tools {
    display: flex;
    align-items: center;
    gap: 2px;
  }

  .gap {
    width: 1px;
    height: 18px;
    margin: 0 6px;
    background: var(--line);
  }

  .badge,
  .dot {
    position: absolute;
    top: 3px;
    right: 2px;
    background: var(--accent);
    color: var(--accent-text);
  }

  .badge {
    min-width: 16px;
    padding: 0 4px;
    border-radius: 8px;
    font-size: 11px;
    font-weight: 650;
    line-height: 16px;
  }

  .dot {
    top: 7px;
    right: 7px;
    width: 7px;
    height: 7px;
    border-radius: 50%;
    background: var(--focus);
  }

  .dot.warn {
    background: var(--warn);
  }

  .run {
    display: flex;
    gap: 8px;
  }

  qp-run-progress {
    display: none;
  }

  .generate {
    min-width: 128px;
    min-height: 38px;
  }

  .stop {
    min-height: 38px;
  }

  @media (max-width: 900px) {
    h1 {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
  }

  @media (max-width: 720px) {
    header {
      flex-wrap: wrap;
      gap: 6px 8px;
      padding: 10px 12px 4px;
    }

    .workflow {
      max-width: none;
    }

    .connection {
      flex: none;
    }

    .tools {
      flex-basis: 100%;
      justify-content: space-between;
    }

    .gap {
      display: none;
    }

    .run {
      position: fixed;
      z-index: 3;
      inset: auto 0 0;
      padding: 10px 12px calc(10px + env(safe-area-inset-bottom));
      background: color-mix(in srgb, var(--ground) 88%, transparent);
      backdrop-filter: blur(10px);
      flex-wrap: wrap;
    }

    qp-run-progress {
      display: block;
      flex-basis: 100%;
    }

    .run .button {
      flex: 1;
      min-height: 46px;
    }
  }
`;
