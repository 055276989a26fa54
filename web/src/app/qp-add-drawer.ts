/** The drawer of bricks: by category, with a search whose first hit Enter takes. */
import { css, html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { icon } from "../elements/icons.js";
import "../elements/qp-dialog.js";
import { StudioElement } from "../elements/studio-element.js";
import { t } from "../i18n/text.js";
import type { BrickInfo, Category, Refusal } from "../net/types.js";
import { found } from "../store/brick-search.js";
import type { State } from "../store/state.js";
import { family } from "../styles/family.js";
import { base, controls } from "../styles/shared.js";

const ORDER: readonly Category[] = ["input", "setting", "generator", "output"];

interface View {
  open: boolean;
  bricks: BrickInfo[];
  refused: Refusal[];
}

@customElement("qp-add-drawer")
export class QpAddDrawer extends StudioElement<View> {
  @state() private search = "";

  protected view({ panel, catalog, refused }: State): View {
    return { open: panel === "add", bricks: [...catalog.values()].flatMap(([latest]) => latest ?? []), refused };
  }

  #close(): void {
    this.search = "";
    if (this.studio.store.state.panel === "add") this.studio.store.set({ panel: undefined });
  }

  #add(info: BrickInfo): void {
    const brick = this.studio.editor.add(info);
    this.studio.permissions.added(info.id);
    this.#close();
    this.dispatchEvent(new CustomEvent("qp-go", { detail: { brick }, bubbles: true, composed: true }));
  }

  /** In the order of the drawer. */
  #hits(): BrickInfo[] {
    return found(this.current.bricks, this.search).sort((a, b) => ORDER.indexOf(a.category) - ORDER.indexOf(b.category));
  }

  #keyed(event: KeyboardEvent): void {
    const [first] = this.#hits();
    if (event.key !== "Enter" || !first) return;
    event.preventDefault();
    this.#add(first);
  }

  #group(category: Category, bricks: BrickInfo[]) {
    if (bricks.length === 0) return nothing;
    return html`
      <h3 id=${category}>${t(`category.${category}`)}</h3>
      <ul aria-labelledby=${category}>
        ${bricks.map(
          (brick) => html`<li>
            <button class="brick is-${category}" type="button" @click=${() => this.#add(brick)}>
              <span class="mark">${icon(category)}</span>
              <span><strong><span class="quiet">${t("add.verb")} </span>${brick.label}</strong> <span class="doc">${brick.doc}</span></span>
            </button>
          </li>`,
        )}
      </ul>
    `;
  }

  override render() {
    const { open, refused } = this.current;
    const hits = this.#hits();
    return html`
      <qp-dialog placement="right" heading=${t("add.heading")} ?open=${open} @qp-close=${() => this.#close()}>
        <input
          class="input search"
          type="search"
          autocomplete="off"
          data-first-focus
          aria-label=${t("add.search")}
          placeholder=${t("add.search")}
          .value=${live(this.search)}
          @input=${(event: Event) => (this.search = (event.target as HTMLInputElement).value)}
          @keydown=${(event: KeyboardEvent) => this.#keyed(event)}
        />
        ${ORDER.map((category) =>
          this.#group(
            category,
            hits.filter((brick) => brick.category === category),
          ),
        )}
        ${hits.length === 0 ? html`<p class="none">${t("add.none")}</p>` : nothing}
        ${refused.length === 0
          ? nothing
          : html`<h3>${t("add.refused")}</h3>
              <ul class="refused">
                ${refused.map((refusal) => html`<li><code>${refusal.path}</code><p>${refusal.message}</p></li>`)}
              </ul>`}
      </qp-dialog>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    family,
    css`
      h3 {
        margin: 20px 0 8px;
        color: var(--text-soft);
        font-size: 13px;
        font-weight: 600;
      }

      ul {
        display: grid;
        gap: 8px;
      }

      .brick {
        display: flex;
        gap: 12px;
        width: 100%;
        padding: 10px 12px;
        border: 1px solid var(--line);
        border-radius: 12px;
        background: var(--surface-raised);
        text-align: left;
        transition: border-color var(--quick), background var(--quick);
      }

      .brick:hover {
        border-color: color-mix(in srgb, var(--tint) 60%, transparent);
        background: var(--surface-hover);
      }

      strong {
        display: block;
        font-weight: 600;
      }

      .doc {
        color: var(--text-soft);
        font-size: 13px;
      }

      .none {
        padding: 24px 0;
        color: var(--text-faint);
        text-align: center;
      }

      .refused {
        color: var(--text-soft);
        font-size: 13px;
      }

      code {
        font-family: var(--font-mono);
        overflow-wrap: anywhere;
      }
    `,
  ];
}
