/** Short news that go away by themselves, and the words for a screen reader. */
import { css, html } from "lit";
import { customElement, query } from "lit/decorators.js";
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
  @query(".stack") private readonly stack!: HTMLElement;

  protected view(state: State): View {
    return { toasts: state.toasts, announcement: state.announcement };
  }

  override updated(): void {
    const { toasts } = this.current;
    const fresh = toasts.filter(({ id }) => !this.#timed.has(id));
    for (const { id } of fresh) {
      this.#timed.add(id);
      setTimeout(() => this.studio.store.dropToast(id), SHOWN_MS);
    }
    // Shown anew, it lies above a window that has opened since.
    if (fresh.length > 0 || toasts.length === 0) this.stack.hidePopover();
    if (fresh.length > 0) this.stack.showPopover();
  }

  override render() {
    const { toasts, announcement } = this.current;
    return html`
      <div class="quiet" role="status" aria-live="polite">${announcement}</div>
      <div class="stack" popover="manual" aria-hidden="true">
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
        inset: auto 0 28px;
        width: auto;
        margin: 0;
        padding: 0;
        border: 0;
        background: none;
        overflow: visible;
        pointer-events: none;
      }

      .stack:popover-open {
        display: grid;
        justify-items: center;
        gap: 8px;
      }

      .toast {
        color: var(--text);
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
