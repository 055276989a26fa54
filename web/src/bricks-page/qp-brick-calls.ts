/** The uses that a brick made of its powers, the newest first. */
import { css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { StudioElement } from "../elements/studio-element.js";
import { callSentence } from "../i18n/powers.js";
import { moment } from "../i18n/time.js";
import { t } from "../i18n/text.js";
import type { AuditCall } from "../net/types.js";
import type { State } from "../store/state.js";
import { base } from "../styles/shared.js";
import { sectionLook } from "./section-look.js";

const TONES: Record<AuditCall["outcome"], string> = { allowed: "good", denied: "bad", "on-trial": "warn" };
const NONE: readonly AuditCall[] = [];

@customElement("qp-brick-calls")
export class QpBrickCalls extends StudioElement<readonly AuditCall[]> {
  @property() brickId = "";

  protected view({ inspection }: State): readonly AuditCall[] {
    return inspection?.brick === this.brickId ? inspection.calls : NONE;
  }

  #row(call: AuditCall) {
    const { at, outcome, note } = call;
    return html`<li class="row">
      <div class="words">${callSentence(call)}<p>${moment(at)}${note ? html` · ${note}` : ""}</p></div>
      <span class="pill ${TONES[outcome]}">${t(`call.${outcome}`)}</span>
    </li>`;
  }

  override render() {
    const calls = this.current;
    return html`
      <h3 id="heading">${t("calls.heading")}</h3>
      ${calls.length === 0
        ? html`<p class="none">${t("calls.none")}</p>`
        : html`<ul class="rows" tabindex="0" aria-labelledby="heading">
            ${repeat(
              calls,
              (call) => call.id,
              (call) => this.#row(call),
            )}
          </ul>`}
    `;
  }

  static override readonly styles = [
    base,
    sectionLook,
    css`
      .rows {
        max-height: 300px;
        overflow: auto;
        scrollbar-width: thin;
        scrollbar-color: var(--line-strong) transparent;
      }

      .row {
        flex-wrap: nowrap;
      }
    `,
  ];
}
