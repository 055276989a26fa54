/** Which version of its brick a card runs on: the number, and behind it where that comes from and how it does. */
import { css, html, nothing } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import { StudioElement } from "../elements/studio-element.js";
import { shortDigest } from "../i18n/amounts.js";
import { publisherText } from "../i18n/bricks.js";
import { t } from "../i18n/text.js";
import { infoFor, pinnedTo } from "../store/catalog.js";
import { findBrick } from "../store/document.js";
import { titlesOf } from "../store/selectors.js";
import type { State } from "../store/state.js";
import { base, controls } from "../styles/shared.js";

interface View {
  id: string;
  title: string;
  version: string;
  digest: string;
  place: string;
  placeId: string;
  publisher: string;
  health: "serving" | "quarantined";
  reason: string;
}

const GAP_PX = 6;

@customElement("qp-version-chip")
export class QpVersionChip extends StudioElement<View | undefined> {
  @property() brickId = "";
  @query(".chip") private readonly chip!: HTMLElement | null;
  @query("[popover]") private readonly details!: HTMLElement | null;

  protected view(state: State): View | undefined {
    const instance = findBrick(state.document, this.brickId);
    const info = instance && infoFor(state.catalog, state.document.lock, instance);
    if (!info) return undefined;
    const { version, digest } = pinnedTo(info, state.document.lock, instance) ?? info;
    const { id, place, place_id: placeId, health, health_reason: reason } = info;
    return { id, title: titlesOf(state).get(this.brickId) ?? id, version, digest, place, placeId, publisher: publisherText(info), health, reason: reason ?? "" };
  }

  /** Under the chip, and within the window. */
  #place(event: ToggleEvent): void {
    const { chip, details } = this;
    if (event.newState !== "open" || !chip || !details) return;
    const from = chip.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = details;
    const left = Math.max(GAP_PX, Math.min(from.left, innerWidth - width - GAP_PX));
    const below = from.bottom + GAP_PX;
    const top = below + height > innerHeight ? Math.max(GAP_PX, from.top - GAP_PX - height) : below;
    details.style.translate = `${left}px ${top}px`;
  }

  #open(view: View): void {
    this.details?.hidePopover();
    this.studio.inspector.show({ kind: "brick", id: view.id, place: view.placeId });
    this.studio.store.set({ panel: "bricks" });
  }

  override render() {
    const view = this.current;
    if (!view) return nothing;
    const { title, version, digest, place, publisher, health, reason } = view;
    const ill = health !== "serving";
    return html`
      <button
        class="chip ${ill ? "ill" : ""}"
        type="button"
        popovertarget="details"
        aria-label=${t(ill ? "chip.trouble" : "chip.label", { brick: title, version })}
        title=${shortDigest(digest)}
      >
        ${version}
      </button>
      <div id="details" popover @toggle=${(event: ToggleEvent) => this.#place(event)}>
        <dl>
          <div><dt>${t("chip.health")}</dt><dd class=${health}>${t(`health.${health}`)}${reason ? html`<span class="reason">${reason}</span>` : nothing}</dd></div>
          <div><dt>${t("chip.publisher")}</dt><dd>${publisher}</dd></div>
          <div><dt>${t("chip.digest")}</dt><dd><code>${digest}</code></dd></div>
          <div><dt>${t("chip.place")}</dt><dd><code>${place}</code></dd></div>
        </dl>
        <button class="button small" type="button" @click=${() => this.#open(view)}>${icon("brick")}${t("chip.open")}</button>
      </div>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    css`
      :host {
        display: inline-flex;
      }

      .chip {
        padding: 0 6px;
        border: 0;
        border-radius: 6px;
        background: color-mix(in srgb, var(--text-faint) 12%, transparent);
        color: var(--text-soft);
        font: inherit;
        font-size: 11.5px;
        font-variant-numeric: tabular-nums;
        line-height: 17px;
        transition: background var(--quick), color var(--quick);
      }

      .chip:hover {
        background: color-mix(in srgb, var(--text-faint) 26%, transparent);
        color: var(--text);
      }

      .chip.ill {
        background: var(--bad-ground);
        color: var(--bad);
      }

      [popover] {
        position: fixed;
        inset: 0 auto auto 0;
        width: min(340px, calc(100vw - 12px));
        margin: 0;
        padding: 14px 16px;
        border: 1px solid var(--line-strong);
        border-radius: 12px;
        background: var(--surface-raised);
        color: var(--text);
        box-shadow: var(--shadow-high);
        white-space: normal;
      }

      dl {
        display: grid;
        gap: 8px;
        margin-bottom: 14px;
      }

      dl > div {
        display: grid;
        grid-template-columns: 74px 1fr;
        gap: 10px;
      }

      dt {
        color: var(--text-faint);
        font-size: 12px;
        line-height: 1.6;
      }

      dd {
        min-width: 0;
        font-size: 13px;
        overflow-wrap: anywhere;
      }

      .serving {
        color: var(--good);
      }

      .quarantined {
        color: var(--bad);
      }

      .reason {
        display: block;
        color: var(--text-soft);
      }

      code {
        font: 12px/1.5 var(--font-mono);
        color: var(--text-soft);
      }
    `,
  ];
}
