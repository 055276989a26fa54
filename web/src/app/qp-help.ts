/** The list of keys. */
import { css, html } from "lit";
import { customElement } from "lit/decorators.js";
import "../elements/qp-dialog.js";
import { StudioElement } from "../elements/studio-element.js";
import { t } from "../i18n/text.js";
import type { State } from "../store/state.js";
import { base } from "../styles/shared.js";
import { shortcuts } from "./shortcuts.js";

@customElement("qp-help")
export class QpHelp extends StudioElement<boolean> {
  protected view(state: State): boolean {
    return state.panel === "help";
  }

  #close(): void {
    if (this.current) this.studio.store.set({ panel: undefined });
  }

  override render() {
    return html`
      <qp-dialog heading=${t("help.heading")} ?open=${this.current} @qp-close=${() => this.#close()}>
        <p class="intro">${t("help.intro")}</p>
        <dl>
          ${shortcuts.map(
            (shortcut) => html`<div>
              <dt>${t(shortcut.label)}</dt>
              <dd>${shortcut.keys.map((key) => html`<kbd>${key}</kbd>`)}</dd>
            </div>`,
          )}
          <div>
            <dt>${t("shortcut.move")}</dt>
            <dd><kbd>←</kbd><kbd>→</kbd></dd>
          </div>
        </dl>
      </qp-dialog>
    `;
  }

  static override readonly styles = [
    base,
    css`
      .intro {
        margin-bottom: 14px;
        color: var(--text-soft);
      }

      dl > div {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 16px;
        padding: 7px 0;
        border-top: 1px solid var(--line);
      }

      dd {
        display: flex;
        gap: 4px;
      }

      kbd {
        min-width: 26px;
        padding: 1px 8px;
        border: 1px solid var(--line-strong);
        border-radius: 6px;
        background: var(--surface-sunken);
        font: 13px var(--font);
        text-align: center;
      }
    `,
  ];
}
