/** A folder on the studio's machine, and the permission for the brick to write there. */
import { css, html } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { icon } from "../elements/icons.js";
import { t } from "../i18n/text.js";
import { mayWrite } from "../store/powers.js";
import type { State } from "../store/state.js";
import { FieldElement } from "./field-element.js";

@customElement("qp-field-folder")
export class QpFieldFolder extends FieldElement<"folder"> {
  /** The id of the kind of brick that asks, `namespace:name`. */
  @property() brick = "";
  @state() private busy = false;

  protected override watched(state: State): unknown {
    return mayWrite(state, this.brick, this.text);
  }

  get #allowed(): boolean {
    return mayWrite(this.studio.store.state, this.brick, this.text);
  }

  async #allow(): Promise<void> {
    this.busy = true;
    await this.studio.permissions.allowFolder(this.brick, this.text);
    this.busy = false;
  }

  override render() {
    const folder = this.text;
    const allowed = folder !== "" && this.#allowed;
    return html`
      <label for="control">${this.field.title}</label>
      <div class="line">
        <input
          id="control"
          class="input"
          type="text"
          autocomplete="off"
          spellcheck="false"
          placeholder=${t("field.folderHint")}
          aria-describedby="notes state"
          aria-invalid=${this.invalid}
          .value=${live(folder)}
          @input=${(event: Event) => this.change((event.target as HTMLInputElement).value)}
        />
        <button class="button" type="button" ?disabled=${folder === "" || allowed || this.busy} @click=${() => void this.#allow()}>
          ${t("field.folderAllow")}
        </button>
      </div>
      <p id="state" class="hint">
        ${allowed ? html`<span class="allowed">${icon("check")}${t("field.folderAllowed")}</span>` : t("field.folderAsk")}
      </p>
      ${this.notes()}
    `;
  }

  static override readonly styles = [
    FieldElement.styles,
    css`
      .line {
        display: flex;
        gap: 6px;
      }

      .allowed {
        display: inline-flex;
        align-items: center;
        gap: 5px;
        color: var(--good);
      }

      .allowed svg.icon {
        width: 15px;
        height: 15px;
      }
    `,
  ];
}
