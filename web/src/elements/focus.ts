/** Where the keyboard is, through shadow roots. */

/** The focused element itself, not the host it sits in. */
export function deepFocus(): HTMLElement | undefined {
  let active = document.activeElement;
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
  return active instanceof HTMLElement && active !== document.body ? active : undefined;
}

/** Whether keys typed now go into a text. */
export function isTyping(): boolean {
  const focused = deepFocus();
  if (focused instanceof HTMLTextAreaElement || focused instanceof HTMLSelectElement) return true;
  return focused instanceof HTMLInputElement && !["button", "checkbox", "range", "radio", "file"].includes(focused.type);
}
