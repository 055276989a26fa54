/** Asks what to paint over when no picture is known: a file to look at, or an empty sheet of a size. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import { t } from "../i18n/text.js";
import { base, controls } from "../styles/shared.js";
import { loaded } from "./canvas-of.js";
import type { Size } from "./mask.js";

/** Sent when it is decided; `picture` is an address of this page's own, to be revoked, or empty. */
export type MaskStarted = CustomEvent<Size & { picture: string }>;

const SIDES = { least: 16, most: 4096, first: 512 };

@customElement("qp-mask-start")
export class QpMaskStart extends LitElement {
  @query("input[type=file]") private readonly picker!: HTMLInputElement;
  @query("form") private readonly form!: HTMLFormElement;
  @state() private problem = "";

  #start(size: Size, picture: string): void {
    this.dispatchEvent(new CustomEvent("qp-mask-start", { detail: { ...size, picture } }));
  }

  async #take(): Promise<void> {
    const file = this.picker.files?.[0];
    if (!file) return;
    const picture = URL.createObjectURL(file);
    try {
      const { naturalWidth: width, naturalHeight: height } = await loaded(picture);
      this.#start({ width, height }, picture);
    } catch {
      URL.revokeObjectURL(picture);
      this.problem = t("field.imageNone");
    }
  }

  #sheet(event: SubmitEvent): void {
    event.preventDefault();
    const given = new FormData(this.form);
    this.#start({ width: Number(given.get("width")), height: Number(given.get("height")) }, "");
  }

  #side(name: "width" | "height", label: string) {
    return html`<div>
      <label for=${name}>${label}</label>
      <input class="input" id=${name} name=${name} type="number" required min=${SIDES.least} max=${SIDES.most} value=${SIDES.first} />
    </div>`;
  }

  override render() {
    return html`
      <p>${t("mask.startHint")}</p>
      <button class="button primary" type="button" @click=${() => this.picker.click()}>${icon("upload")}${t("mask.startPicture")}</button>
      <input type="file" accept="image/*" hidden aria-label=${t("mask.startPicture")} @change=${() => void this.#take()} />
      ${this.problem === "" ? nothing : html`<p class="fault" role="alert">${icon("alert")}<span>${this.problem}</span></p>`}
      <form @submit=${(event: SubmitEvent) => this.#sheet(event)}>
        ${this.#side("width", t("mask.width"))} ${this.#side("height", t("mask.height"))}
        <button class="button" type="submit">${t("mask.startSheet")}</button>
      </form>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    css`
      :host {
        display: grid;
        place-content: center;
        justify-items: center;
        gap: 20px;
        padding: 24px;
        overflow: auto;
        background: var(--surface-sunken);
      }

      p {
        max-width: 44ch;
        color: var(--text-soft);
        text-align: center;
        text-wrap: balance;
      }

      form {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        justify-content: center;
        gap: 10px;
      }

      form .input {
        width: 96px;
      }
    `,
  ];
}
