/** The list of the page of bricks: a search, every installed version, and the pages about all of them. */
import { css, html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import { type IconName, icon } from "../elements/icons.js";
import { StudioElement } from "../elements/studio-element.js";
import { publisherText } from "../i18n/bricks.js";
import { t } from "../i18n/text.js";
import type { BrickInfo, Refusal } from "../net/types.js";
import { found } from "../store/brick-search.js";
import { condition } from "../store/brick-condition.js";
import type { Catalog } from "../store/catalog.js";
import type { BrickPage, State } from "../store/state.js";
import { family } from "../styles/family.js";
import { base, controls } from "../styles/shared.js";
import "./qp-network.js";

interface View {
  catalog: Catalog;
  refused: Refusal[];
  secrets: number;
  page: BrickPage | undefined;
}

@customElement("qp-brick-list")
export class QpBrickList extends StudioElement<View> {
  @state() private search = "";

  protected view({ catalog, refused, secrets, brickPage }: State): View {
    return { catalog, refused, secrets: secrets.length, page: brickPage };
  }

  #choose(page: BrickPage): void {
    this.dispatchEvent(new CustomEvent<BrickPage>("qp-page", { detail: page }));
  }

  #brick(info: BrickInfo, { page, refused }: View) {
    const { id, place_id: place, label, version, category } = info;
    const chosen = page?.kind === "brick" && page.id === id && (page.place === place || page.place === "");
    const how = condition(info, refused);
    return html`<li>
      <button class="entry is-${category}" type="button" aria-current=${chosen ? "true" : "false"} @click=${() => this.#choose({ kind: "brick", id, place })}>
        <span class="mark">${icon(category)}</span>
        <span class="words">
          <strong>${label}</strong>
          <span class="facts"><span>${version}</span><span>${publisherText(info)}</span></span>
        </span>
        ${how === "good" ? nothing : html`<span class="how ${how}">${t(`condition.${how}`)}</span>`}
      </button>
    </li>`;
  }

  #other(kind: "refused" | "secrets", name: IconName, label: string, count: number) {
    const chosen = this.current.page?.kind === kind;
    return html`<li>
      <button class="entry other" type="button" aria-current=${chosen ? "true" : "false"} @click=${() => this.#choose({ kind })}>
        ${icon(name)}<span class="words"><strong>${label}</strong></span>${count > 0 ? html`<span class="count">${count}</span>` : nothing}
      </button>
    </li>`;
  }

  override render() {
    const view = this.current;
    const hits = found([...view.catalog.values()].flat(), this.search);
    return html`
      <input
        class="input search"
        type="search"
        autocomplete="off"
        aria-label=${t("bricks.search")}
        placeholder=${t("bricks.search")}
        .value=${live(this.search)}
        @input=${(event: Event) => (this.search = (event.target as HTMLInputElement).value)}
      />
      <nav aria-label=${t("bricks.list")}>
        <ul aria-label=${t("bricks.list")}>
          ${repeat(
            hits,
            (info) => `${info.place_id} ${info.id}`,
            (info) => this.#brick(info, view),
          )}
        </ul>
        ${hits.length === 0 ? html`<p class="none">${t("add.none")}</p>` : nothing}
        <ul class="others" aria-label=${t("bricks.others")}>
          ${this.#other("refused", "alert", t("bricks.refused"), view.refused.length)} ${this.#other("secrets", "key", t("bricks.secrets"), view.secrets)}
        </ul>
      </nav>
      <qp-network .studio=${this.studio}></qp-network>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    family,
    css`
      :host {
        --mark: 30px;
        display: flex;
        flex-direction: column;
        gap: 12px;
        min-height: 0;
        padding: 16px 12px 0;
      }

      .search {
        flex: none;
      }

      nav {
        flex: 1;
      }

      ul {
        display: grid;
        gap: 2px;
      }

      .others {
        margin-top: 12px;
        padding-top: 12px;
        border-top: 1px solid var(--line);
      }

      .entry {
        display: flex;
        align-items: center;
        gap: 10px;
        width: 100%;
        min-height: 48px;
        padding: 6px 10px;
        border: 0;
        border-radius: 10px;
        background: none;
        text-align: left;
        transition: background var(--quick);
      }

      .entry:hover {
        background: var(--surface-hover);
      }

      .entry[aria-current="true"] {
        background: color-mix(in srgb, var(--accent) 18%, transparent);
      }

      .entry.other {
        min-height: 40px;
        color: var(--text-soft);
      }

      .words {
        flex: 1;
        min-width: 0;
      }

      strong {
        display: block;
        overflow: hidden;
        font-weight: 600;
        line-height: 1.35;
        text-overflow: ellipsis;
        white-space: nowrap;
      }

      .facts {
        display: flex;
        gap: 8px;
        overflow: hidden;
        color: var(--text-soft);
        font-size: 12px;
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }

      .how {
        flex: none;
        padding: 0 8px;
        border-radius: 999px;
        font-size: 11.5px;
        font-weight: 550;
        line-height: 20px;
      }

      .how.refused,
      .how.asks {
        background: var(--warn-ground);
        color: var(--warn);
      }

      .how.stopped {
        background: var(--bad-ground);
        color: var(--bad);
      }

      .count {
        min-width: 20px;
        padding: 0 6px;
        border-radius: 10px;
        background: color-mix(in srgb, var(--text-faint) 18%, transparent);
        font-size: 12px;
        line-height: 20px;
        text-align: center;
      }

      .none {
        padding: 16px 0;
        color: var(--text-faint);
        text-align: center;
      }

      qp-network {
        position: sticky;
        bottom: 0;
      }
    `,
  ];
}
