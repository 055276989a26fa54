/** What a brick asks for and what it was allowed: to allow, to take back, or to put on trial first. */
import { css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { type IconName, icon } from "../elements/icons.js";
import { StudioElement } from "../elements/studio-element.js";
import { powerSentence } from "../i18n/powers.js";
import { t } from "../i18n/text.js";
import type { BrickInfo, Grant } from "../net/types.js";
import { type Power, type PowerRow, powerRows, wantsFolders } from "../store/powers.js";
import type { State } from "../store/state.js";
import { base, controls } from "../styles/shared.js";
import { sectionLook } from "./section-look.js";

const ICONS: Record<Power["kind"], IconName> = { host: "globe", secret: "key", folder: "folder" };

@customElement("qp-brick-permissions")
export class QpBrickPermissions extends StudioElement<readonly Grant[]> {
  @property({ attribute: false }) info!: BrickInfo;

  protected view(state: State): readonly Grant[] {
    return state.grants;
  }

  #state({ granted, grant }: PowerRow) {
    if (!granted) return html`<span class="pill">${t("permissions.not")}</span>`;
    return grant?.trial ? html`<span class="pill warn">${t("permissions.onTrial")}</span>` : html`<span class="pill good">${t("permissions.allowed")}</span>`;
  }

  #trialHint({ grant }: PowerRow) {
    if (!grant?.trial) return nothing;
    const count = grant.would_deny;
    return html`<p>${count === 0 ? t("permissions.trialNone") : t(count === 1 ? "permissions.trialOne" : "permissions.trialMany", { count })}</p>`;
  }

  #actions({ power, granted, grant }: PowerRow) {
    const { permissions } = this.studio;
    const scope = power.scope;
    if (!granted) {
      return html`<button class="button small primary" type="button" aria-label=${t("permissions.allowOne", { scope })} @click=${() => void permissions.allow(this.info.id, power)}>
        ${t("consent.allow")}
      </button>`;
    }
    if (!grant) return nothing;
    const { id, trial } = grant;
    return html`
      <button class="button small" type="button" aria-label=${t(trial ? "permissions.endTrialOne" : "permissions.tryOne", { scope })} @click=${() => void permissions.setTrial(id, !trial)}>
        ${t(trial ? "permissions.endTrial" : "permissions.try")}
      </button>
      <button class="button small danger" type="button" aria-label=${t("permissions.takeBackOne", { scope })} @click=${() => void permissions.takeBack(id)}>
        ${t("permissions.takeBack")}
      </button>
    `;
  }

  #row(row: PowerRow) {
    return html`<li class="row">
      ${icon(ICONS[row.power.kind])}
      <div class="words"><span class="power">${powerSentence(row.power)}</span>${this.#trialHint(row)}</div>
      ${this.#state(row)}
      <div class="acts">${this.#actions(row)}</div>
    </li>`;
  }

  override render() {
    const rows = powerRows(this.info, this.current);
    const folders = wantsFolders(this.info) && rows.every((row) => row.power.kind !== "folder");
    return html`
      <h3 id="heading">${t("permissions.heading")}</h3>
      ${rows.length === 0
        ? html`<p class="none">${t(folders ? "permissions.folders" : "permissions.none")}</p>`
        : html`<ul class="rows" aria-labelledby="heading">
              ${repeat(
                rows,
                (row) => `${row.power.import} ${row.power.scope}`,
                (row) => this.#row(row),
              )}
            </ul>
            <p class="hint">${t("permissions.trialHint")}</p>`}
    `;
  }

  static override readonly styles = [
    base,
    controls,
    sectionLook,
    css`
      .power::first-letter {
        text-transform: uppercase;
      }

      .power {
        display: inline-block;
      }

      .hint {
        margin-top: 6px;
      }
    `,
  ];
}
