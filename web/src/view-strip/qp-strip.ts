/** The strip: the bricks of the document from left to right (from top to bottom on a phone), and the place to add one. */
import { css, html } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { icon } from "../elements/icons.js";
import { bringIntoView } from "../elements/scroll.js";
import { StudioElement } from "../elements/studio-element.js";
import { t } from "../i18n/text.js";
import { infoFor } from "../store/catalog.js";
import { isCollapsed } from "../store/document.js";
import { shownJob } from "../store/selectors.js";
import type { State } from "../store/state.js";
import { watch } from "../store/watch.js";
import { base, controls } from "../styles/shared.js";
import { StripDrag } from "./drag.js";
import "./qp-card.js";
import type { GripPressed, QpCard } from "./qp-card.js";

interface Place {
  id: string;
  shape: string;
}

@customElement("qp-strip")
export class QpStrip extends StudioElement<Place[]> {
  @query(".strip") private readonly strip!: HTMLElement;
  @query(".add") private readonly addButton!: HTMLElement | null;
  @state() private marked: { index: number; dragged: number } | undefined;

  readonly #drag = new StripDrag({
    cards: () => this.#cards(),
    mark: (index, dragged) => (this.marked = index === undefined ? undefined : { index, dragged }),
    drop: (from, to) => this.#drop(from, to),
  });
  #unfollow: (() => void) | undefined;

  protected view(current: State): Place[] {
    const { document, catalog } = current;
    return document.bricks.map((brick) => ({
      id: brick.id,
      shape: isCollapsed(document, brick.id) ? "collapsed" : (infoFor(catalog, document.lock, brick)?.category ?? "unknown"),
    }));
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#unfollow = watch(
      this.studio.store,
      (current) => shownJob(current)?.results.at(-1)?.id,
      () => void this.#showResult(),
    );
  }

  override disconnectedCallback(): void {
    this.#drag.cancel();
    this.#unfollow?.();
    super.disconnectedCallback();
  }

  /** Brings a brick into view, unfolded, with the keyboard in the named field or on the card. */
  async reveal(id: string, name?: string): Promise<void> {
    this.studio.editor.collapse(id, false);
    await this.updateComplete;
    const card = this.#card(id);
    await card?.updateComplete;
    card?.focusAt(name);
    if (card) bringIntoView(card);
  }

  async #showResult(): Promise<void> {
    const job = shownJob(this.studio.store.state);
    const result = job?.results.at(-1);
    if (!result || job?.state !== "running") return;
    await this.updateComplete;
    const card = this.#card(result.brick);
    if (card) bringIntoView(card);
  }

  #cards(): QpCard[] {
    return [...this.renderRoot.querySelectorAll<QpCard>("qp-card")];
  }

  #card(id: string): QpCard | undefined {
    return this.#cards().find((card) => card.brickId === id);
  }

  #grabbed(event: GripPressed): void {
    this.#drag.start(event.detail, event.target as QpCard, this.strip);
  }

  #drop(from: number, to: number): void {
    const id = this.current[from]?.id;
    if (id !== undefined) this.studio.editor.move(id, to);
  }

  /** Keeps the keyboard in the strip when the card that had it goes. */
  async #removing(event: Event): Promise<void> {
    const cards = this.#cards();
    const at = cards.indexOf(event.target as QpCard);
    const next = cards[at + 1] ?? cards[at - 1];
    await this.updateComplete;
    await new Promise(requestAnimationFrame);
    if (next?.isConnected) next.focusAt();
    else this.addButton?.focus();
  }

  #markOf(index: number): string {
    if (!this.marked) return "";
    const { index: target, dragged } = this.marked;
    if (target === dragged || index === dragged) return "";
    if (target < dragged) return index === target ? "mark-before" : "";
    return index === target ? "mark-after" : "";
  }

  override render() {
    return html`
      <ol
        class="strip"
        aria-label=${t("strip.label")}
        @qp-grip=${(event: GripPressed) => this.#grabbed(event)}
        @qp-removing=${(event: Event) => void this.#removing(event)}
      >
        ${repeat(
          this.current,
          (place) => place.id,
          (place, index) => html`<li class="is-${place.shape} ${this.#markOf(index)}">
            <qp-card .studio=${this.studio} .brickId=${place.id}></qp-card>
          </li>`,
        )}
        <li class="end">
          <button class="add" type="button" @click=${() => this.studio.store.set({ panel: "add" })}>
            ${icon("add")}<span>${t("strip.add")}</span>
          </button>
        </li>
      </ol>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    css`
      :host {
        display: flex;
        flex: 1;
        min-width: 0;
        min-height: 0;
      }

      .strip {
        display: flex;
        flex: 1;
        align-items: stretch;
        gap: 12px;
        min-width: 0;
        padding: 12px 16px 16px;
        overflow: auto hidden;
        scroll-padding: 0 16px;
        scrollbar-width: thin;
        scrollbar-color: var(--line-strong) transparent;
      }

      li {
        position: relative;
        display: flex;
        flex: 1 1 280px;
        min-width: 240px;
        max-width: 380px;
        max-height: 860px;
      }

      li.is-setting {
        flex-basis: 290px;
        max-width: 340px;
      }

      li.is-generator {
        flex-basis: 310px;
        min-width: 264px;
        max-width: 420px;
      }

      li.is-output {
        flex: 2 1 400px;
        min-width: 300px;
        max-width: 720px;
      }

      li.is-collapsed {
        flex: 0 0 54px;
        min-width: 54px;
      }

      li.end {
        flex: 0 0 64px;
        min-width: 64px;
      }

      qp-card[dragged] {
        position: relative;
        z-index: 2;
        opacity: 0.97;
        filter: drop-shadow(0 12px 30px rgb(0 0 0 / 0.4));
      }

      li.mark-before::before,
      li.mark-after::after {
        content: "";
        position: absolute;
        z-index: 1;
        inset: 8px auto 8px -9px;
        width: 4px;
        border-radius: 2px;
        background: var(--focus);
      }

      li.mark-after::after {
        inset: 8px -9px 8px auto;
      }

      .add {
        display: flex;
        flex: 1;
        flex-direction: column;
        align-items: center;
        justify-content: center;
        gap: 8px;
        border: 1.5px dashed var(--line-strong);
        border-radius: var(--radius);
        background: none;
        color: var(--text-soft);
        font-size: 13px;
        font-weight: 550;
        transition: border-color var(--quick), color var(--quick), background var(--quick);
      }

      .add:hover {
        border-color: var(--focus);
        background: color-mix(in srgb, var(--focus) 6%, transparent);
        color: var(--text);
      }

      @media (max-width: 720px) {
        .strip {
          flex-direction: column;
          padding: 10px 12px 96px;
          overflow: hidden auto;
        }

        li,
        li.is-setting,
        li.is-generator,
        li.is-output,
        li.is-collapsed {
          flex: none;
          min-width: 0;
          max-width: none;
          max-height: none;
        }

        li.end {
          flex: 0 0 64px;
        }

        .add {
          flex-direction: row;
        }

        li.mark-before::before {
          inset: -9px 8px auto;
          width: auto;
          height: 4px;
        }

        li.mark-after::after {
          inset: auto 8px -9px;
          width: auto;
          height: 4px;
        }
      }
    `,
  ];
}
