/** Short news that go away by themselves, and the words for a screen reader. */
import { css, html } from "lit";
import { customElement } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { StudioElement } from "../elements/studio-element.js";
import type { State, Toast } from "../store/state.js";
import { base } from "../styles/shared.js";

const SHOWN_MS = 4000;

interface View {
  toasts: Toast[];
  announcement: string;
}

@customElement("qp-toasts")
export class QpToasts extends StudioElement<View> {
  readonly #timed = new Set<number>();

  protected view(state: State): View {
    return { toasts: state.toasts, announcement: state.announcement };
  }

  override updated(): void {
    for (const { id } of this.current.toasts) {
      if (this.#timed.has(id)) continue;
      this.#timed.add(id);
      setTimeout(() => this.studio.store.dropToast(id), SHOWN_MS);
    }
  }

  override render() {
    const { toasts, announcement } = this.current;
    return html`
      <div class="quiet" role="status" aria-live="polite">${announcement}</div>
      <div class="stack" aria-hidden="true">
        ${repeat(
          toasts,
          (toast) => toast.id,
          (toast) => html`<p class="toast">${toast.message}</p>`,
        )}
      </div>
    `;
  }

  static override readonly styles = [
    base,
    css`
      .stack {
        position: fixed;
        z-index: 5;
        inset: auto 0 28px;
        display: grid;
        justify-items: center;
        gap: 8px;
        pointer-events: none;
      }

      .toast {
        padding: 9px 18px;
        border: 1px solid var(--line);
        border-radius: 999px;
        background: var(--surface-raised);
        box-shadow: var(--shadow-high);
        animation: rise 200ms ease;
      }

      @media (max-width: 720px) {
        .stack {
          bottom: 84px;
        }
      }

      @keyframes rise {
        from {
          opacity: 0;
          transform: translateY(10px);
        }
      }
    `,
  ];
}
