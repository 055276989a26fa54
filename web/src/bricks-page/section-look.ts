/** The look that the sections of the page of bricks share. */
import { css } from "lit";

export const sectionLook = css`
  :host {
    display: block;
  }

  h3 {
    margin-bottom: 8px;
    color: var(--text-soft);
    font-size: 13px;
    font-weight: 600;
  }

  .rows {
    border: 1px solid var(--line);
    border-radius: 12px;
    background: var(--surface-raised);
    overflow: hidden;
  }

  .row {
    display: flex;
    align-items: center;
    gap: 10px;
    min-height: 46px;
    padding: 7px 8px 7px 14px;
  }

  .row + .row {
    border-top: 1px solid var(--line);
  }

  .row > svg.icon {
    color: var(--text-faint);
  }

  .words {
    flex: 1;
    min-width: 0;
    overflow-wrap: anywhere;
  }

  .words p {
    color: var(--text-soft);
    font-size: 12.5px;
  }

  .acts {
    display: flex;
    flex-wrap: wrap;
    justify-content: flex-end;
    gap: 6px;
  }

  .pill {
    flex: none;
    padding: 1px 9px;
    border-radius: 999px;
    background: color-mix(in srgb, var(--text-faint) 14%, transparent);
    color: var(--text-soft);
    font-size: 12px;
    font-weight: 550;
    white-space: nowrap;
  }

  .pill.good {
    background: color-mix(in srgb, var(--good) 8%, transparent);
    color: var(--good);
  }

  .pill.warn {
    background: var(--warn-ground);
    color: var(--warn);
  }

  .pill.bad {
    background: var(--bad-ground);
    color: var(--bad);
  }

  code,
  pre {
    font: 12px/1.55 var(--font-mono);
  }

  code {
    color: var(--text-soft);
  }

  pre {
    margin: 0;
    max-height: 260px;
    padding: 10px 12px;
    border: 1px solid var(--line);
    border-radius: 10px;
    background: var(--surface-sunken);
    overflow: auto;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
    scrollbar-width: thin;
    scrollbar-color: var(--line-strong) transparent;
  }

  .none {
    padding: 14px;
    border: 1px dashed var(--line);
    border-radius: 12px;
    color: var(--text-faint);
    font-size: 13px;
  }

  @media (max-width: 720px) {
    .row {
      flex-wrap: wrap;
    }

    .row .words {
      flex-basis: calc(100% - 40px);
    }

    .row .acts {
      flex: 1;
    }
  }
`;
