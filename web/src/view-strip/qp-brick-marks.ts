/** What there is to say of a card's brick, each line with the one thing to do about it. */
import { css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { type IconName, icon } from "../elements/icons.js";
import { StudioElement } from "../elements/studio-element.js";
import { t } from "../i18n/text.js";
import { infoFor } from "../store/catalog.js";
import { findBrick } from "../store/document.js";
import { type Mark, type MarkKind, leftovers, marks } from "../store/marks.js";
import type { State } from "../store/state.js";
import { base, controls } from "../styles/shared.js";

const ICONS: Record<MarkKind, IconName> = {
  quarantined: "alert",
  refused: "alert",
  "too-new": "alert",
  pinned: "pin",
  stale: "clock",
  asks: "shield",
  leftover: "setting",
};

@customElement("qp-brick-marks")
export class QpBrickMarks extends StudioElement<Mark[]> {
  @property() brickId = "";
  /** Only a sign of the gravest, for where there is no room. */
  @property({ type: Boolean, reflect: true }) compact = false;

  protected view(state: State): Mark[] {
    return marks(state, this.brickId);
  }

  #act(kind: MarkKind): void {
    const { studio } = this;
    const { state } = studio.store;
    const instance = findBrick(state.document, this.brickId);
    const info = instance && infoFor(state.catalog, state.document.lock, instance);
    if (!info) return;
    switch (kind) {
      case "quarantined":
        return void studio.bricks.release(info.place_id);
      case "refused":
        return this.#refused(info.id, info.place_id);
      case "too-new":
        return void studio.migration.accept(instance.id, info);
      case "pinned":
        return studio.editor.unlock(instance);
      case "stale":
        return void studio.runs.submit();
      case "asks":
        return studio.permissions.added(info.id);
      case "leftover":
        return studio.editor.setParams(
          instance.id,
          leftovers(state, info, instance).map((name) => ({ name })),
        );
    }
  }

  #refused(id: string, place: string): void {
    const { bricks, inspector, store } = this.studio;
    const refusal = store.state.refused.find((candidate) => candidate.place_id === place);
    if (refusal?.can_use_anyway) return void bricks.useAnyway(place);
    inspector.show({ kind: "brick", id, place });
    store.set({ panel: "bricks" });
  }

  #mark(mark: Mark) {
    const { kind, tone, text, more, action } = mark;
    return html`<li class="mark ${tone} is-${kind}">
      ${icon(ICONS[kind])}
      <div class="words">
        <p>${text}</p>
        ${more ? html`<p class="more" title=${more}>${more}</p>` : nothing}
      </div>
      ${action ? html`<button class="act" type="button" @click=${() => this.#act(kind)}>${action}</button>` : nothing}
    </li>`;
  }

  #sign({ kind, tone, text }: Mark) {
    return html`<span class="sign ${tone}" title=${text}>${icon(ICONS[kind])}<span class="quiet">${t("mark.attention", { text })}</span></span>`;
  }

  override render() {
    const shown = this.current;
    const [first] = shown;
    if (!first) return nothing;
    if (this.compact) return first.tone === "info" ? nothing : this.#sign(first);
    return html`<ul aria-label=${t("mark.list")}>
      ${repeat(
        shown,
        (mark) => mark.kind,
        (mark) => this.#mark(mark),
      )}
    </ul>`;
  }

  static override readonly styles = [
    base,
    controls,
    css`
      :host {
        display: block;
      }

      ul {
        display: grid;
        gap: 4px;
        padding: 2px 14px 6px;
      }

      .mark,
      .sign {
        --tone: var(--info);
        --tone-ground: var(--info-ground);
      }

      .mark {
        display: flex;
        flex-wrap: wrap;
        align-items: flex-start;
        gap: 2px 8px;
        padding: 5px 6px 5px 9px;
        border-radius: 9px;
        background: var(--tone-ground);
        color: var(--text);
        font-size: 12.5px;
        line-height: 1.4;
        animation: arrive 200ms ease;
      }

      .warning {
        --tone: var(--warn);
        --tone-ground: var(--warn-ground);
      }

      .error {
        --tone: var(--bad);
        --tone-ground: var(--bad-ground);
      }

      .mark > svg.icon {
        width: 15px;
        height: 15px;
        margin: 3px 0;
        color: var(--tone);
      }

      .sign {
        display: block;
        height: 18px;
        color: var(--tone);
      }

      .words {
        flex: 1 1 140px;
        min-width: 0;
        padding: 2px 0;
        overflow-wrap: anywhere;
      }

      .more {
        display: -webkit-box;
        overflow: hidden;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 2;
        color: var(--text-soft);
        font-size: 12px;
      }

      .act {
        flex: none;
        margin-left: auto;
        padding: 1px 8px;
        border: 1px solid color-mix(in srgb, var(--tone) 40%, transparent);
        border-radius: 7px;
        background: none;
        color: var(--tone);
        font-size: 12px;
        font-weight: 600;
        line-height: 20px;
        transition: background var(--quick);
      }

      .act:hover {
        background: color-mix(in srgb, var(--tone) 16%, transparent);
      }

      @keyframes arrive {
        from {
          opacity: 0;
          transform: translateY(-4px);
        }
      }
    `,
  ];
}
