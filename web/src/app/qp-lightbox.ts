/** A picture, or the drawing of it, over the whole page, with how it was made, and its neighbours a key away. */
import { css, html, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { deepFocus } from "../elements/focus.js";
import { icon } from "../elements/icons.js";
import { Modal, modalLook } from "../elements/modal.js";
import "../elements/qp-compare.js";
import "../elements/qp-vector-switch.js";
import type { VectorChosen } from "../elements/qp-vector-switch.js";
import { StudioElement } from "../elements/studio-element.js";
import { SvgUrls } from "../elements/svg-urls.js";
import { bytes } from "../i18n/amounts.js";
import { t } from "../i18n/text.js";
import { contentUrl } from "../net/client.js";
import type { Drawing } from "../store/drawings.js";
import type { Lightbox, Picture, State } from "../store/state.js";
import { checkerboard } from "../styles/checkerboard.js";
import { base, controls } from "../styles/shared.js";
import { facts } from "./picture-facts.js";

@customElement("qp-lightbox")
export class QpLightbox extends StudioElement<Lightbox | undefined> {
  readonly #modal = new Modal(this, () => this.current !== undefined);

  readonly #urls = new SvgUrls(this);

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
    if (index >= 0 && index < countOf(box)) this.studio.store.set({ lightbox: { ...box, index } });
  }

  #keyed(event: KeyboardEvent): void {
    // On the line of a comparison, the arrows move the line.
    if (deepFocus() instanceof HTMLInputElement) return;
    if (event.key === "ArrowLeft") this.#step(-1);
    if (event.key === "ArrowRight") this.#step(1);
  }

  #side(picture: Picture) {
    const name = `${picture.title || t("picture.file")}.${picture.container === "jpeg" ? "jpg" : picture.container}`;
    return html`${this.#facts(facts(picture))}
      <a class="button primary" href=${contentUrl(picture.file, name)} download=${name}>${icon("download")}${t("lightbox.download")}</a>`;
  }

  #drawingSide({ svg, file, width, height }: Drawing) {
    const said: [string, string][] = [
      [t("fact.size"), t("fact.sizeValue", { width, height })],
      [t("fact.fileSize"), bytes(svg.length)],
    ];
    return html`${this.#facts(said)}
      <a class="button primary" href=${this.#urls.of(svg)} download=${file}>${icon("download")}${t("drawing.save")}</a>`;
  }

  #facts(pairs: [string, string][]) {
    return html`<dl>${pairs.map(([label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>`;
  }

  /** Chooses between the two where there are both. */
  #switch(box: Lightbox) {
    if (!box.drawings[box.index] || !box.pictures[box.index]) return nothing;
    return html`<qp-vector-switch
      ?vector=${box.vector}
      @qp-vector=${(event: VectorChosen) => this.studio.store.set({ lightbox: { ...box, vector: event.detail } })}
    ></qp-vector-switch>`;
  }

  /** Shows the picture beside what it was made from, or alone again. */
  #compare(box: Lightbox) {
    if (!compared(box)) return nothing;
    const isOn = box.comparing === true;
    const turn = (): void => this.studio.store.set({ lightbox: { ...box, comparing: !isOn } });
    return html`<button class="button compare" type="button" aria-pressed=${isOn ? "true" : "false"} @click=${turn}>${icon("swap")}${t("compare.with")}</button>`;
  }

  #figure(box: Lightbox, shown: Picture | Drawing) {
    const named = { title: shown.title, number: box.index + 1 };
    if ("svg" in shown) {
      return html`<img class="checkerboard" style="--ratio: ${shown.width / shown.height}" src=${this.#urls.of(shown.svg)} alt=${t("drawing.alt", named)} />`;
    }
    const before = compared(box);
    const after = contentUrl(shown.digest);
    if (before && box.comparing) return html`<qp-compare older=${contentUrl(before)} newer=${after} label=${t("picture.alt", named)} ratio=${shown.width / shown.height}></qp-compare>`;
    return html`<img src=${after} alt=${t("picture.alt", named)} />`;
  }

  #content(box: Lightbox) {
    const shown = shownIn(box);
    if (!shown) return nothing;
    const count = countOf(box);
    return html`
      <div class="frame">
        <figure>
          ${this.#figure(box, shown)}
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
        <aside aria-label=${t("lightbox.facts")}>${this.#switch(box)}${this.#compare(box)}${"svg" in shown ? this.#drawingSide(shown) : this.#side(shown)}</aside>
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
    checkerboard,
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
        container-type: size;
      }

      img {
        position: absolute;
        inset: 16px;
        width: calc(100% - 32px);
        height: calc(100% - 32px);
        object-fit: contain;
        image-rendering: auto;
      }

      /* Just as large as the drawing, so that only what it leaves open is checkered. */
      img.checkerboard {
        width: min(100cqw, 100cqh * var(--ratio));
        height: auto;
        margin: auto;
        aspect-ratio: var(--ratio);
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
        gap: 20px;
        min-height: 0;
        padding: 56px 20px 20px;
        overflow: auto;
      }

      qp-vector-switch {
        align-self: start;
      }

      .button.compare {
        align-self: start;
        margin: 0;
      }

      .button[aria-pressed="true"] {
        border-color: var(--line-strong);
        background: var(--surface-hover);
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
        margin-top: auto;
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

function countOf({ pictures, drawings }: Lightbox): number {
  return Math.max(pictures.length, drawings.length);
}

/** The digest of what the picture shown was made from. */
function compared(box: Lightbox): string | undefined {
  const shown = shownIn(box);
  return shown && !("svg" in shown) ? box.before?.[box.index] : undefined;
}

/** The drawing where it was chosen or is all there is, else the picture. */
function shownIn({ pictures, drawings, index, vector }: Lightbox): Picture | Drawing | undefined {
  const picture = pictures[index];
  return vector || !picture ? (drawings[index] ?? picture) : picture;
}
