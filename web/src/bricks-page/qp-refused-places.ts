/** Places whose newest binary was not let in, with the reasons. */
import { css, html, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { StudioElement } from "../elements/studio-element.js";
import { moment } from "../i18n/time.js";
import { t } from "../i18n/text.js";
import type { Refusal } from "../net/types.js";
import { refusalKey } from "../store/bricks.js";
import type { State } from "../store/state.js";
import { base, controls } from "../styles/shared.js";
import { sectionLook } from "./section-look.js";

@customElement("qp-refused-places")
export class QpRefusedPlaces extends StudioElement<Refusal[]> {
  protected view(state: State): Refusal[] {
    return state.refused;
  }

  #place(refusal: Refusal) {
    const { path, kind, message, since, version, serving, can_use_anyway: usable } = refusal;
    const facts = [version ? t("refused.version", { version }) : "", t("refused.since", { when: moment(since) }), serving ? t("refusal.serving") : ""];
    return html`<li>
      <div class="head">
        <code>${path}</code>
        <span class="pill ${serving ? "warn" : "bad"}">${t(`refused.${kind}`)}</span>
      </div>
      <p class="facts">${facts.filter(Boolean).join(" · ")}</p>
      <pre tabindex="0" role="group" aria-label=${t("refusal.reason")}>${message}</pre>
      ${usable
        ? html`<button class="button small" type="button" @click=${() => void this.studio.bricks.useAnyway(refusal.place_id)}>${t("mark.useAnyway")}</button>`
        : nothing}
    </li>`;
  }

  override render() {
    const refused = this.current;
    return html`
      <h2>${t("bricks.refused")}</h2>
      <p class="intro">${t("refused.intro")}</p>
      ${refused.length === 0
        ? html`<p class="none">${t("refused.none")}</p>`
        : html`<ul aria-label=${t("bricks.refused")}>
            ${repeat(refused, refusalKey, (refusal) => this.#place(refusal))}
          </ul>`}
    `;
  }

  static override readonly styles = [
    base,
    controls,
    sectionLook,
    css`
      h2 {
        font-size: 19px;
        font-weight: 680;
      }

      .intro {
        margin: 2px 0 18px;
        color: var(--text-soft);
      }

      ul {
        display: grid;
        gap: 12px;
      }

      li {
        display: grid;
        gap: 8px;
        justify-items: start;
        padding: 12px 14px 14px;
        border: 1px solid var(--line);
        border-radius: 12px;
        background: var(--surface-raised);
      }

      .head {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 12px;
        width: 100%;
      }

      code {
        color: var(--text);
        overflow-wrap: anywhere;
      }

      pre {
        width: 100%;
      }

      .facts {
        color: var(--text-soft);
        font-size: 12.5px;
      }
    `,
  ];
}
