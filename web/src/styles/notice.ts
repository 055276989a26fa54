/** The look of a card at the top of the page. */
import { css } from "lit";

export const noticeLook = css`
  .notice {
    display: flex;
    align-items: flex-start;
    gap: 12px;
    margin-top: 4px;
    padding: 10px 12px 10px 14px;
    border: 1px solid color-mix(in srgb, var(--tone) 32%, transparent);
    border-radius: 12px;
    background: var(--tone-ground);
    animation: drop 180ms ease;
  }

  .error {
    --tone: var(--bad);
    --tone-ground: var(--bad-ground);
  }

  .warning {
    --tone: var(--warn);
    --tone-ground: var(--warn-ground);
  }

  .info {
    --tone: var(--info);
    --tone-ground: var(--info-ground);
  }

  .notice > svg.icon {
    margin-top: 2px;
    color: var(--tone);
  }

  .words {
    flex: 1;
    min-width: 0;
    overflow-wrap: anywhere;
  }

  .words p,
  .words li {
    color: var(--text-soft);
  }

  @keyframes drop {
    from {
      opacity: 0;
      transform: translateY(-6px);
    }
  }

  @media (max-width: 720px) {
    .notice {
      flex-wrap: wrap;
    }
  }
`;
