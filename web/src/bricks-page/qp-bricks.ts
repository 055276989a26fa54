/** The page of the installed bricks: how they do, which versions there are, what they may, and what they say. */
import { css, html, nothing } from "lit";
import { customElement, query } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import "../elements/qp-dialog.js";
import { StudioElement } from "../elements/studio-element.js";
import { t } from "../i18n/text.js";
import type { BrickInfo } from "../net/types.js";
import type { BrickPage, Notice, State } from "../store/state.js";
import { noticeLook } from "../styles/notice.js";
import { base, controls } from "../styles/shared.js";
import "./qp-brick-details.js";
import "./qp-brick-list.js";
import "./qp-refused-places.js";
import "./qp-secrets.js";

interface View {
  open: boolean;
  page: BrickPage | undefined;
  info: BrickInfo | undefined;
  /** What could not be done, newest last. */
  faults: Notice[];
  announcement: string;
}

/** The cards about what is done here, which would be hidden behind this window. */
const OWN = ["bricks", "grant", "secret", "network"];

/** Sent by the list when the person chose a page. */
export type PageChosen = CustomEvent<BrickPage>;

/** Narrower than this, the list and what is chosen from it take turns. */
const PHONE = "(max-width: 720px)";

@customElement("qp-bricks")
export class QpBricks extends StudioElement<View> {
  @query(".back") private readonly back!: HTMLElement | null;
  #wasOpen = false;

  protected view(state: State): View {
    const open = state.panel === "bricks";
    if (!open) return { open, page: undefined, info: undefined, faults: [], announcement: "" };
    const faults = state.notices.filter((notice) => OWN.includes(notice.key));
    return { open, page: state.brickPage, info: shownBrick(state), faults, announcement: state.announcement };
  }

  override updated(): void {
    const { open } = this.current;
    if (open === this.#wasOpen) return;
    this.#wasOpen = open;
    if (open) this.studio.inspector.follow();
    else this.studio.inspector.stop();
  }

  override disconnectedCallback(): void {
    this.studio.inspector.stop();
    super.disconnectedCallback();
  }

  #close(): void {
    if (this.studio.store.state.panel === "bricks") this.studio.store.set({ panel: undefined });
  }

  async #choose(page: BrickPage): Promise<void> {
    this.studio.inspector.show(page);
    if (!matchMedia(PHONE).matches) return;
    await this.updateComplete;
    this.back?.focus();
  }

  #page({ page, info }: View) {
    switch (page?.kind) {
      case "secrets":
        return html`<qp-secrets .studio=${this.studio}></qp-secrets>`;
      case "refused":
        return html`<qp-refused-places .studio=${this.studio}></qp-refused-places>`;
      default:
        if (info) return html`<qp-brick-details .studio=${this.studio} .brickId=${info.id} .placeId=${info.place_id}></qp-brick-details>`;
        return html`<p class="none">${page ? t("bricks.gone") : t("bricks.none")}</p>`;
    }
  }

  #fault({ key, title, message }: Notice) {
    return html`<div class="notice error" role="alert">
      ${icon("alert")}
      <div class="words"><strong>${title}</strong><p>${message}</p></div>
      <button class="icon-button small" type="button" aria-label=${t("notice.dismiss", { title })} @click=${() => this.studio.store.dismiss(key)}>${icon("close")}</button>
    </div>`;
  }

  override render() {
    const view = this.current;
    return html`
      <qp-dialog placement="wide" heading=${t("bricks.heading")} ?open=${view.open} @qp-close=${() => this.#close()}>
        ${view.open
          ? html`<div class="page ${view.page ? "chosen" : ""}">
              <div class="side">
                <qp-brick-list .studio=${this.studio} @qp-page=${(event: PageChosen) => void this.#choose(event.detail)}></qp-brick-list>
              </div>
              <div class="main">
                <button class="button small back" type="button" @click=${() => this.studio.inspector.show(undefined)}>
                  ${icon("previous")}${t("bricks.back")}
                </button>
                ${view.faults.map((fault) => this.#fault(fault))} ${this.#page(view)}
                <div class="quiet" role="status" aria-live="polite">${view.announcement}</div>
              </div>
            </div>`
          : nothing}
      </qp-dialog>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    noticeLook,
    css`
      .notice {
        margin: 0 0 16px;
      }

      .page {
        display: grid;
        grid-template-columns: minmax(240px, 320px) minmax(0, 1fr);
        flex: 1;
        min-width: 0;
        min-height: 0;
      }

      .side,
      .main {
        min-height: 0;
        overflow: auto;
        scrollbar-width: thin;
        scrollbar-color: var(--line-strong) transparent;
      }

      .side {
        display: flex;
        border-right: 1px solid var(--line);
      }

      qp-brick-list {
        flex: 1;
        min-width: 0;
      }

      .main {
        padding: 20px 24px 28px;
        background: var(--surface-sunken);
      }

      .back {
        display: none;
        margin-bottom: 14px;
      }

      .none {
        padding: 48px 0;
        color: var(--text-faint);
        text-align: center;
      }

      @media (max-width: 720px) {
        .page {
          grid-template-columns: minmax(0, 1fr);
        }

        .side {
          border: 0;
        }

        .main {
          padding: 14px 14px 28px;
        }

        .page.chosen .side,
        .page:not(.chosen) .main {
          display: none;
        }

        .back {
          display: inline-flex;
        }
      }
    `,
  ];
}

/** The brick chosen, or the first one where nothing is. */
function shownBrick({ catalog, brickPage }: State): BrickInfo | undefined {
  if (brickPage === undefined) return [...catalog.values()].flat().sort((a, b) => a.label.localeCompare(b.label))[0];
  if (brickPage.kind !== "brick") return undefined;
  const versions = catalog.get(brickPage.id) ?? [];
  return versions.find((info) => info.place_id === brickPage.place) ?? versions[0];
}
