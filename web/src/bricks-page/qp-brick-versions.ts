/** The last good versions of a brick, and the way back to one of them. */
import { css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { shortDigest } from "../i18n/amounts.js";
import { moment } from "../i18n/time.js";
import { t } from "../i18n/text.js";
import { LitElement } from "lit";
import type { BrickInfo, Version } from "../net/types.js";
import type { Studio } from "../store/studio.js";
import { base, controls } from "../styles/shared.js";
import { sectionLook } from "./section-look.js";

@customElement("qp-brick-versions")
export class QpBrickVersions extends LitElement {
  @property({ attribute: false }) studio!: Studio;
  @property({ attribute: false }) info!: BrickInfo;

  #state(version: Version) {
    if (version.serving) return html`<span class="pill good">${t(version.selected ? "versions.chosen" : "versions.inUse")}</span>`;
    return version.quarantined ? html`<span class="pill bad">${t("versions.stopped")}</span>` : nothing;
  }

  /** One that crashed has to be let out of quarantine first. */
  #action({ version, digest, quarantined }: Version) {
    const { bricks } = this.studio;
    const place = this.info.place_id;
    const name = { version, digest: shortDigest(digest) };
    return html`<button
      class="button small"
      type="button"
      aria-label=${t(quarantined ? "versions.retryOne" : "versions.useOne", name)}
      @click=${() => void (quarantined ? bricks.release(place) : bricks.select(place, digest))}
    >
      ${t(quarantined ? "versions.retry" : "versions.use")}
    </button>`;
  }

  #row(version: Version) {
    const { version: number, digest, loaded_at: loaded, serving, running } = version;
    const short = shortDigest(digest);
    return html`<li class="row">
      <div class="words">
        <strong>${number}</strong> <code title=${digest}>${short}</code>
        <p>${t("versions.loaded", { when: moment(loaded) })}${running > 0 ? html` · ${running === 1 ? t("versions.runningOne") : t("versions.running", { count: running })}` : nothing}</p>
      </div>
      ${this.#state(version)}
      ${serving ? nothing : this.#action(version)}
    </li>`;
  }

  override render() {
    const { versions } = this.info;
    if (versions.length === 0) return nothing;
    const chosen = versions.some((version) => version.serving && version.selected);
    return html`
      <h3 id="heading">${t("versions.heading")}</h3>
      <ol class="rows" aria-labelledby="heading">
        ${repeat(
          versions,
          (version) => version.digest,
          (version) => this.#row(version),
        )}
      </ol>
      ${chosen ? html`<p class="hint">${t("versions.chosenHint")}</p>` : nothing}
    `;
  }

  static override readonly styles = [
    base,
    controls,
    sectionLook,
    css`
      strong {
        font-variant-numeric: tabular-nums;
      }

      .hint {
        margin-top: 6px;
      }

      @media (max-width: 720px) {
        .row .words {
          flex-basis: 50%;
        }
      }
    `,
  ];
}
