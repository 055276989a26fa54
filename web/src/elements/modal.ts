/**
 * Opens and closes a `dialog` over the page with its element. The browser's own `dialog` gives the focus trap, Escape
 * and the inert page behind it; this gives focus back where it was.
 */
import { type LitElement, type ReactiveController, css } from "lit";
import { deepFocus } from "./focus.js";

export class Modal implements ReactiveController {
  #returnTo: HTMLElement | undefined;

  constructor(
    private readonly host: LitElement,
    private readonly isOpen: () => boolean,
  ) {
    host.addController(this);
  }

  get #dialog(): HTMLDialogElement | null {
    return this.host.renderRoot.querySelector("dialog");
  }

  /** Whether it is over the page now. */
  get isShown(): boolean {
    return this.#dialog?.open ?? false;
  }

  hostUpdated(): void {
    const dialog = this.#dialog;
    const open = this.isOpen();
    if (!dialog || open === dialog.open) return;
    if (!open) return dialog.close();
    this.#returnTo = deepFocus();
    dialog.showModal();
    (this.host.querySelector<HTMLElement>("[data-first-focus]") ?? dialog).focus();
  }

  hostDisconnected(): void {
    this.giveFocusBack();
  }

  close(): void {
    this.#dialog?.close();
  }

  /** To be called when the dialog has closed, whoever closed it. */
  giveFocusBack(): void {
    const target = this.#returnTo;
    this.#returnTo = undefined;
    if (target?.isConnected) target.focus();
  }
}

export const modalLook = css`
  dialog {
    max-width: none;
    padding: 0;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--surface);
    color: var(--text);
    box-shadow: var(--shadow-high);
    overflow: hidden;
  }

  dialog:focus-visible {
    outline: none;
  }

  dialog[open] {
    animation: appear 180ms ease;
  }

  dialog::backdrop {
    background: var(--scrim);
    backdrop-filter: blur(4px);
  }

  @keyframes appear {
    from {
      opacity: 0;
      transform: translateX(var(--from, 0)) scale(var(--scale, 1));
    }
  }
`;
