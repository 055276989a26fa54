/** One model of the catalogue: what it is, how it stands, and what can be done with it. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import "../elements/qp-progress.js";
import { bytes } from "../i18n/amounts.js";
import { t } from "../i18n/text.js";
import type { CatalogueModel } from "../net/types.js";
import { base, controls } from "../styles/shared.js";
import { sectionLook } from "../bricks-page/section-look.js";

/** What the person wants with a model. */
export type ModelWish = "get" | "resume" | "stop" | "discard" | "remove";
export type ModelWished = CustomEvent<{ wish: ModelWish; model: CatalogueModel }>;

const TONES: Partial<Record<CatalogueModel["state"], string>> = { ships: "good", installed: "good", interrupted: "warn", failed: "bad", absent: "warn" };

@customElement("qp-model-row")
export class QpModelRow extends LitElement {
  @property({ attribute: false }) model!: CatalogueModel;
  /** The page was opened for this one. */
  @property({ type: Boolean, reflect: true }) named = false;

  #wish(wish: ModelWish): void {
    const detail = { wish, model: this.model };
    this.dispatchEvent(new CustomEvent("qp-wish", { detail, bubbles: true, composed: true }));
  }

  #act(wish: ModelWish, label: string, look = "") {
    const { label: name } = this.model;
    return html`<button class="button small ${look}" type="button" aria-label=${t("models.actOne", { act: label, name })} @click=${() => this.#wish(wish)}>${label}</button>`;
  }

  #acts() {
    switch (this.model.state) {
      case "available":
        return this.#act("get", t("models.get"), "primary");
      case "waiting":
      case "fetching":
        return this.#act("stop", t("models.cancel"));
      case "interrupted":
        return html`${this.#act("resume", t("models.resume"), "primary")} ${this.#act("discard", t("models.discard"))}`;
      case "failed":
        return html`${this.#act("resume", t("models.again"), "primary")} ${this.#act("discard", t("models.discard"))}`;
      case "installed":
        return this.model.removable ? this.#act("remove", t("models.remove"), "danger") : nothing;
      default:
        return nothing;
    }
  }

  #facts() {
    const { bytes: size, licence, page, gated, name } = this.model;
    return html`<p class="facts">
      ${size === undefined || size === null ? nothing : html`<span>${bytes(size)}</span>`}
      <span>${licence}</span>
      <a href=${page} target="_blank" rel="noopener noreferrer">${t("models.source")}<span class="quiet"> ${t("models.sourceOf", { name: this.model.label })}</span></a>
      ${gated ? html`<span>${t("models.gated")}</span>` : nothing}
      <code>${name}</code>
    </p>`;
  }

  #progress() {
    const { state, done_bytes: done, bytes: size, label } = this.model;
    if (state !== "fetching" && state !== "waiting" && state !== "interrupted") return nothing;
    const here = done ?? 0;
    const known = size !== undefined && size !== null && size > 0;
    const text = known ? t("models.progress", { done: bytes(here), size: bytes(size) }) : bytes(here);
    return html`<qp-progress label=${t("progress.label", { brick: label })} .fraction=${known ? Math.min(1, here / size) : 0} text=${text}></qp-progress>`;
  }

  override render() {
    const { label, description, state, message, path } = this.model;
    return html`
      <div class="words">
        <h4>${label} <span class="pill ${TONES[state] ?? ""}">${t(`standing.${state}`)}</span></h4>
        <p>${description}</p>
        ${this.#facts()} ${this.#progress()} ${message ? html`<p class="fault">${icon("alert")}<span>${message}</span></p>` : nothing}
        ${path ? html`<p><code>${path}</code></p>` : nothing}
      </div>
      <div class="acts">${this.#acts()}</div>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    sectionLook,
    css`
      :host {
        display: flex;
        align-items: center;
        gap: 10px 16px;
        padding: 12px 12px 12px 14px;
        scroll-margin: 16px;
      }

      :host([named]) {
        background: color-mix(in srgb, var(--accent) 14%, transparent);
      }

      h4 {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px 8px;
        margin: 0;
        font-size: 14px;
        font-weight: 600;
      }

      .facts {
        display: flex;
        flex-wrap: wrap;
        gap: 0 12px;
        margin-top: 2px;
      }

      a {
        color: inherit;
        text-underline-offset: 3px;
      }

      qp-progress,
      .fault {
        margin-top: 8px;
      }

      .words .fault {
        color: var(--bad);
      }

      @media (max-width: 720px) {
        :host {
          flex-direction: column;
          align-items: stretch;
        }
      }
    `,
  ];
}
