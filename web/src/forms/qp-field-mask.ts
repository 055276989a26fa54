/** A mask that is painted by hand: shows it over its picture, and opens the editor. */
import { css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import { t } from "../i18n/text.js";
import { contentUrl } from "../net/client.js";
import { subjectOf } from "../store/mask-subject.js";
import type { State } from "../store/state.js";
import { FieldElement } from "./field-element.js";

@customElement("qp-field-mask")
export class QpFieldMask extends FieldElement<"mask"> {
  /** The id of the brick in the document. */
  @property() instance = "";

  protected override watched(state: State): unknown {
    return subjectOf(state, this.instance);
  }

  #paint(): void {
    this.studio.store.set({ maskTask: { brick: this.instance, param: this.field.name } });
  }

  #layers(mask: string) {
    const subject = subjectOf(this.studio.store.state, this.instance);
    return html`<span class="layers">
      ${subject === undefined ? nothing : html`<img class="subject" src=${contentUrl(subject)} alt="" />`}
      <img class="mask" src=${contentUrl(mask)} alt=${t("mask.alt")} />
    </span>`;
  }

  override render() {
    const mask = this.text;
    return html`
      <span class="label" id="label">${this.field.title}</span>
      ${mask === "" ? nothing : this.#layers(mask)}
      <div class="actions">
        <button id="control" class="button small" type="button" aria-describedby="notes" @click=${() => this.#paint()}>
          ${icon("brush")}${mask === "" ? t("mask.paint") : t("mask.change")}
        </button>
        ${mask === "" ? nothing : html`<button class="button small" type="button" @click=${() => this.change("")}>${icon("close")}${t("mask.remove")}</button>`}
      </div>
      ${this.notes()}
    `;
  }

  static override readonly styles = [
    FieldElement.styles,
    css`
      .layers {
        position: relative;
        display: grid;
        place-items: center;
        border-radius: 12px;
        background: var(--surface-sunken);
        overflow: hidden;
        isolation: isolate;
      }

      img {
        grid-area: 1 / 1;
        max-width: 100%;
        max-height: 240px;
      }

      /* The mask may be smaller than its picture, when that is very large. */
      .subject ~ .mask {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        max-height: none;
        object-fit: contain;
        mix-blend-mode: screen;
        opacity: 0.72;
      }

      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
    `,
  ];
}
