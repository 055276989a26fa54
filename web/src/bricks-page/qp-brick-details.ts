/** One installed brick: who it is, and the sections about its versions, figures, permissions and words. */
import { css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import { StudioElement } from "../elements/studio-element.js";
import { publisherText } from "../i18n/bricks.js";
import { t } from "../i18n/text.js";
import type { BrickInfo, Refusal } from "../net/types.js";
import type { State } from "../store/state.js";
import { family } from "../styles/family.js";
import { base, controls } from "../styles/shared.js";
import "./qp-brick-calls.js";
import "./qp-brick-log.js";
import "./qp-brick-metrics.js";
import "./qp-brick-permissions.js";
import "./qp-brick-versions.js";
import { sectionLook } from "./section-look.js";

interface View {
  info: BrickInfo | undefined;
  refusal: Refusal | undefined;
}

@customElement("qp-brick-details")
export class QpBrickDetails extends StudioElement<View> {
  @property() brickId = "";
  @property() placeId = "";

  protected view({ catalog, refused }: State): View {
    return {
      info: catalog.get(this.brickId)?.find((info) => info.place_id === this.placeId),
      refusal: refused.find((refusal) => refusal.place_id === this.placeId),
    };
  }

  #head(info: BrickInfo) {
    const { id, label, version, doc, category, place, digest, health, signed_by: key, stateful, migrates, pure } = info;
    return html`<div class="top is-${category}">
      <span class="mark">${icon(category)}</span>
      <div class="words">
        <h2>${label} <span class="version">${version}</span></h2>
        <p>${doc}</p>
      </div>
      <span class="pill ${health === "serving" ? "good" : "bad"}">${t(`health.${health}`)}</span>
    </div>
    <dl class="facts">
      <div><dt>${t("bricks.id")}</dt><dd><code>${id}</code></dd></div>
      <div><dt>${t("chip.publisher")}</dt><dd>${publisherText(info)}${key ? html`<code class="key">${key}</code>` : nothing}</dd></div>
      <div><dt>${t("chip.place")}</dt><dd><code>${place}</code></dd></div>
      <div><dt>${t("chip.digest")}</dt><dd><code>${digest}</code></dd></div>
      <div><dt>${t("bricks.kept")}</dt><dd>${t(stateful ? "bricks.stateful" : pure ? "bricks.pure" : "bricks.fresh")}${migrates ? html` ${t("bricks.migrates")}` : nothing} ${stateful ? this.#forget(info) : nothing}</dd></div>
    </dl>`;
  }

  #forget(info: BrickInfo) {
    return html`<button class="link" type="button" aria-label=${t("bricks.forgetOne", { brick: info.label })} @click=${() => void this.studio.bricks.forget(info)}>
      ${t("bricks.forget")}
    </button>`;
  }

  #trouble({ info, refusal }: View) {
    const { bricks } = this.studio;
    return html`
      ${info?.health === "quarantined"
        ? html`<div class="trouble bad">
            <p><strong>${t("health.quarantined")}</strong> ${info.health_reason}</p>
            <button class="button small" type="button" @click=${() => void bricks.release(info.place_id)}>${t("mark.tryAgain")}</button>
          </div>`
        : nothing}
      ${refusal
        ? html`<div class="trouble warn">
            <p><strong>${t(`refused.${refusal.kind}`)}</strong> ${t(`refusal.${refusal.kind}`)}</p>
            ${refusal.can_use_anyway
              ? html`<button class="button small" type="button" @click=${() => void bricks.useAnyway(refusal.place_id)}>${t("mark.useAnyway")}</button>`
              : nothing}
            <pre tabindex="0" role="group" aria-label=${t("refusal.reason")}>${refusal.message}</pre>
          </div>`
        : nothing}
    `;
  }

  override render() {
    const view = this.current;
    const { info } = view;
    if (!info) return nothing;
    const { studio } = this;
    return html`
      ${this.#head(info)} ${this.#trouble(view)}
      <qp-brick-versions .studio=${studio} .info=${info}></qp-brick-versions>
      <qp-brick-permissions .studio=${studio} .info=${info}></qp-brick-permissions>
      <qp-brick-metrics .metrics=${info.metrics}></qp-brick-metrics>
      <qp-brick-calls .studio=${studio} .brickId=${info.id}></qp-brick-calls>
      <qp-brick-log .studio=${studio} .brickId=${info.id}></qp-brick-log>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    sectionLook,
    family,
    css`
      :host {
        --mark: 42px;
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 22px;
      }

      .top {
        display: flex;
        align-items: flex-start;
        gap: 14px;
      }

      .top p {
        color: var(--text-soft);
        font-size: 14px;
      }

      h2 {
        font-size: 19px;
        font-weight: 680;
        letter-spacing: -0.01em;
        line-height: 1.3;
      }

      .version {
        color: var(--text-soft);
        font-size: 14px;
        font-weight: 500;
        font-variant-numeric: tabular-nums;
      }

      .facts {
        display: grid;
        gap: 5px;
        margin-top: -8px;
      }

      .facts > div {
        display: grid;
        grid-template-columns: 92px minmax(0, 1fr);
        gap: 12px;
      }

      dt {
        color: var(--text-faint);
        font-size: 12.5px;
        line-height: 1.6;
      }

      dd {
        font-size: 13px;
        overflow-wrap: anywhere;
      }

      .link {
        padding: 0;
        border: 0;
        border-radius: 4px;
        background: none;
        color: var(--info);
        text-decoration: underline;
        text-underline-offset: 3px;
      }

      .key {
        display: block;
        color: var(--text-faint);
      }

      .trouble {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px 12px;
        padding: 10px 10px 10px 14px;
        border-radius: 12px;
      }

      .trouble p {
        flex: 1;
        min-width: 180px;
      }

      .trouble pre {
        flex-basis: 100%;
      }

      .trouble.warn {
        background: var(--warn-ground);
      }

      .trouble.warn strong {
        color: var(--warn);
      }

      .trouble.bad {
        background: var(--bad-ground);
      }

      .trouble.bad strong {
        color: var(--bad);
      }
    `,
  ];
}
