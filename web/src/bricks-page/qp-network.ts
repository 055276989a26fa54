/** The one switch that keeps every brick off the network, and the way to the figures for other programs. */
import { css, html } from "lit";
import { customElement } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { icon } from "../elements/icons.js";
import { StudioElement } from "../elements/studio-element.js";
import { t } from "../i18n/text.js";
import type { Network } from "../net/types.js";
import type { State } from "../store/state.js";
import { base, controls } from "../styles/shared.js";
import { switchLook } from "../styles/switch.js";

@customElement("qp-network")
export class QpNetwork extends StudioElement<Network | undefined> {
  protected view(state: State): Network | undefined {
    return state.network;
  }

  async #switch(input: HTMLInputElement): Promise<void> {
    await this.studio.permissions.setOffline(input.checked);
    this.requestUpdate();
  }

  override render() {
    const network = this.current;
    const offline = network?.offline ?? false;
    return html`
      <label class="row" for="offline">
        ${icon(offline ? "offline" : "globe")}
        <span class="words">
          <strong>${t("network.offline")}</strong>
          <span class="hint" id="hint">${network?.forced ? t("network.forced") : t(offline ? "network.isOffline" : "network.isOnline")}</span>
        </span>
        <input
          id="offline"
          type="checkbox"
          role="switch"
          aria-label=${t("network.offline")}
          aria-describedby="hint"
          aria-checked=${offline ? "true" : "false"}
          .checked=${live(offline)}
          ?disabled=${network === undefined || network.forced}
          @change=${(event: Event) => void this.#switch(event.target as HTMLInputElement)}
        />
      </label>
      <a href="/metrics" target="_blank" rel="noopener">${t("network.metrics")}</a>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    switchLook,
    css`
      :host {
        display: block;
        margin: 0 -12px;
        padding: 10px 16px 12px;
        border-top: 1px solid var(--line);
        background: var(--surface);
      }

      .row {
        display: flex;
        align-items: center;
        gap: 10px;
        cursor: pointer;
      }

      .words {
        flex: 1;
        min-width: 0;
      }

      strong {
        display: block;
        color: var(--text);
        font-size: 14px;
        font-weight: 600;
      }

      .hint {
        display: block;
        font-weight: 400;
      }

      a {
        display: inline-block;
        margin-top: 8px;
        border-radius: 4px;
        color: var(--text-soft);
        font-size: 12.5px;
        text-underline-offset: 3px;
      }

      a:hover {
        color: var(--text);
      }
    `,
  ];
}
