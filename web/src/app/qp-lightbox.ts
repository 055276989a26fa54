/** A picture over the whole page, with how it was made, and its neighbours a key away. */
import { css, html, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import { Modal, modalLook } from "../elements/modal.js";
import { StudioElement } from "../elements/studio-element.js";
import { t } from "../i18n/text.js";
import { contentUrl } from "../net/client.js";
import type { Lightbox, Picture, State } from "../store/state.js";
import { base, controls } from "../styles/shared.js";
import { facts } from "./picture-facts.js";

@customElement("qp-lightbox")
export class QpLightbox extends StudioElement<Lightbox | undefined> {
  readonly #modal = new Modal(this, () => this.current !== undefined);

  protected view(state: State): Lightbox | undefined {
    return state.lightbox;
  }

  #closed(): void {
    this.studio.store.set({ lightbox: undefined });
    this.#modal.giveFocusBack();
  }

  #step(by: number): void {
    const box = this.current;
    if (!box) return;
    const index = box.index + by;
    if (index >= 0 && index < box.pictures.length) this.studio.store.set({ lightbox: { ...box, index } });
  }

  #keyed(event: KeyboardEvent): void {
    if (event.key === "ArrowLeft") this.#step(-1);
    if (event.key === "ArrowRight") this.#step(1);
  }

  #side(picture: Picture) {
    const name = `${picture.title || t("picture.file")}.${picture.container === "jpeg" ? "jpg" : picture.container}`;
    return html`<aside aria-label=${t("lightbox.facts")}>
      <dl>
        ${facts(picture).map(([label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}
      </dl>
      <a class="button primary" href=${contentUrl(picture.file, name)} download=${name}>${icon("download")}${t("lightbox.download")}</a>
    </aside>`;
  }

  #content(box: Lightbox) {
    const picture = box.pictures[box.index];
    if (!picture) return nothing;
    const count = box.pictures.length;
    return html`
      <div class="frame">
        <figure>
          <img src=${contentUrl(picture.digest)} alt=${t("picture.alt", { title: picture.title, number: box.index + 1 })} />
          ${count > 1
            ? html`<button class="icon-button turn back" type="button" aria-label=${t("lightbox.previous")} ?disabled=${box.index === 0} @click=${() => this.#step(-1)}>
                  ${icon("previous")}
                </button>
                <button class="icon-button turn" type="button" aria-label=${t("lightbox.next")} ?disabled=${box.index === count - 1} @click=${() => this.#step(1)}>
                  ${icon("next")}
                </button>
                <figcaption role="status">${t("lightbox.place", { number: box.index + 1, count })}</figcaption>`
            : nothing}
        </figure>
        ${this.#side(picture)}
        <button class="icon-button close" type="button" aria-label=${t("lightbox.close")} @click=${() => this.#modal.close()}>${icon("close")}</button>
      </div>
    `;
  }

  override render() {
    const box = this.current;
    return html`<dialog
      closedby="any"
      aria-label=${t("lightbox.label")}
      tabindex="-1"
      @close=${() => this.#closed()}
      @keydown=${(event: KeyboardEvent) => this.#keyed(event)}
    >
      ${box ? this.#content(box) : nothing}
    </dialog>`;
  }

  static override readonly styles = [
    base,
    controls,
    modalLook,
    css`
      dialog {
        width: min(1240px, 94vw);
        height: min(860px, 90vh);
        max-height: none;
        --scale: 0.985;
      }

      .frame {
        display: grid;
        grid-template-columns: 1fr 320px;
        height: 100%;
      }

      figure {
        position: relative;
        display: grid;
        min-width: 0;
        min-height: 0;
        margin: 0;
        padding: 16px;
        background: var(--surface-sunken);
      }

      img {
        position: absolute;
        inset: 16px;
        width: calc(100% - 32px);
        height: calc(100% - 32px);
        object-fit: contain;
        image-rendering: auto;
      }

      .turn {
        position: absolute;
        top: 50%;
        right: 14px;
        width: 44px;
        height: 44px;
        margin-top: -22px;
        border-radius: 50%;
        background: color-mix(in srgb, var(--surface) 82%, transparent);
      }

      .turn.back {
        right: auto;
        left: 14px;
      }

      figcaption {
        position: absolute;
        bottom: 14px;
        left: 50%;
        padding: 2px 12px;
        border-radius: 999px;
        background: color-mix(in srgb, var(--surface) 88%, transparent);
        font-size: 13px;
        transform: translateX(-50%);
      }

      aside {
        display: flex;
        flex-direction: column;
        justify-content: space-between;
        gap: 20px;
        min-height: 0;
        padding: 56px 20px 20px;
        overflow: auto;
      }

      dl {
        display: grid;
        gap: 12px;
      }

      dt {
        color: var(--text-faint);
        font-size: 12.5px;
      }

      dd {
        overflow-wrap: anywhere;
        user-select: text;
      }

      .button {
        text-decoration: none;
      }

      .close {
        position: absolute;
        top: 12px;
        right: 12px;
      }

      @media (max-width: 720px) {
        dialog {
          width: 100vw;
          height: 100dvh;
          border: 0;
          border-radius: 0;
        }

        .frame {
          grid-template-columns: none;
          grid-template-rows: 1fr auto;
        }

        aside {
          max-height: 42dvh;
          padding-top: 16px;
        }
      }
    `,
  ];
}
