/** Bricks that want something powerful: who asks, for what, in plain words, and the person's yes or not now. */
import { css, html, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { type IconName, icon } from "../elements/icons.js";
import { StudioElement } from "../elements/studio-element.js";
import { shortDigest } from "../i18n/amounts.js";
import { publisherText } from "../i18n/bricks.js";
import { powerSentence } from "../i18n/powers.js";
import { t } from "../i18n/text.js";
import type { BrickInfo } from "../net/types.js";
import { newest } from "../store/catalog.js";
import { type Power, wishes } from "../store/powers.js";
import type { State } from "../store/state.js";
import { noticeLook } from "../styles/notice.js";
import { base, controls } from "../styles/shared.js";

export const POWER_ICONS: Record<Power["kind"], IconName> = { host: "globe", secret: "key", folder: "folder" };

interface Asking {
  info: BrickInfo;
  powers: Power[];
}

@customElement("qp-consents")
export class QpConsents extends StudioElement<string> {
  /** As a text, because the lists are new ones each time. */
  protected view(state: State): string {
    return JSON.stringify([asking(state).map(({ info, powers }) => [info.id, info.digest, powers]), state.secrets.map((secret) => secret.name)]);
  }

  #power(power: Power) {
    const missing = power.kind === "secret" && this.studio.store.state.secrets.every((secret) => secret.name !== power.scope);
    return html`<li>${icon(POWER_ICONS[power.kind])}<span>${powerSentence(power)}</span>${missing ? this.#missing() : nothing}</li>`;
  }

  #missing() {
    return html`<button class="store" type="button" @click=${() => this.#showSecrets()}>${t("consent.noSecret")}</button>`;
  }

  #showSecrets(): void {
    this.studio.inspector.show({ kind: "secrets" });
    this.studio.store.set({ panel: "bricks" });
  }

  #card({ info, powers }: Asking) {
    const { id, label, version, digest } = info;
    const title = t("consent.title", { brick: label });
    return html`<section class="notice info" aria-label=${title}>
      ${icon("shield")}
      <div class="words">
        <strong>${title}</strong>
        <p class="who">${t("consent.who", { version, publisher: publisherText(info), digest: shortDigest(digest) })}</p>
        <p class="may" id="may-${id}">${t("consent.may")}</p>
        <ul aria-labelledby="may-${id}">
          ${powers.map((power) => this.#power(power))}
        </ul>
        <p class="note">${t("consent.note")}</p>
      </div>
      <div class="actions">
        <button class="button small" type="button" @click=${() => this.studio.permissions.later(id)}>${t("consent.later")}</button>
        <button class="button small primary" type="button" @click=${() => void this.studio.permissions.allowWishes(id)}>${t("consent.allow")}</button>
      </div>
    </section>`;
  }

  override render() {
    return repeat(
      asking(this.studio.store.state),
      ({ info }) => info.id,
      (one) => this.#card(one),
    );
  }

  static override readonly styles = [
    base,
    controls,
    noticeLook,
    css`
      :host {
        display: contents;
      }

      .words .who,
      .words .note {
        color: var(--text-faint);
        font-size: 12.5px;
      }

      .words .may {
        margin-top: 8px;
      }

      ul {
        display: grid;
        gap: 4px;
        margin: 4px 0 8px;
      }

      .words li {
        display: flex;
        gap: 8px;
        color: var(--text);
        font-weight: 550;
      }

      li svg.icon {
        width: 16px;
        height: 16px;
        margin-top: 3px;
        color: var(--tone);
      }

      .store {
        padding: 0;
        border: 0;
        border-radius: 4px;
        background: none;
        color: var(--warn);
        font-weight: 400;
        text-decoration: underline;
        text-underline-offset: 3px;
      }

      .actions {
        display: flex;
        gap: 6px;
      }

      @media (max-width: 720px) {
        .actions {
          flex-basis: 100%;
          justify-content: flex-end;
        }
      }
    `,
  ];
}

/** The bricks that are put before the person and still want something. */
function asking(state: State): Asking[] {
  return state.asking.flatMap((id) => {
    const info = newest(state.catalog, id);
    const powers = wishes(state, id);
    return info && powers.length > 0 ? [{ info, powers }] : [];
  });
}
