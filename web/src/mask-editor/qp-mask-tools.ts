/** The tools of the mask editor, as a bar. */
import { LitElement, css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { type IconName, icon } from "../elements/icons.js";
import { t } from "../i18n/text.js";
import { base, controls } from "../styles/shared.js";
import { sliderLook } from "../styles/slider.js";
import { type Brush, LEAST_DIAMETER, MOST_DIAMETER, type Tool, bounded } from "./brush.js";
import type { MaskAction } from "./keys.js";
import type { MaskEdits } from "./mask-edits.js";

/** Sent when a tool is used; one that changes the brush itself sends `qp-brush`. */
export type MaskActed = CustomEvent<MaskAction>;

@customElement("qp-mask-tools")
export class QpMaskTools extends LitElement {
  @property({ attribute: false }) edits!: MaskEdits;
  @property({ attribute: false }) brush!: Brush;
  /** How many pixels are painted over. Says too that something changed. */
  @property({ type: Number }) painted = 0;

  #act(event: MouseEvent, detail: MaskAction): void {
    this.dispatchEvent(new CustomEvent("qp-mask-act", { detail }));
    // After a press of a pointer the keys belong to the picture again.
    if (event.detail > 0) this.dispatchEvent(new CustomEvent("qp-mask-back"));
  }

  #slid(event: Event): void {
    const diameter = bounded(Number((event.target as HTMLInputElement).value));
    this.dispatchEvent(new CustomEvent<Brush>("qp-brush", { detail: { ...this.brush, diameter } }));
  }

  #tool(tool: Tool, name: IconName, label: string) {
    const isOn = this.brush.tool === tool;
    return html`<button class="tool ${isOn ? "on" : ""}" type="button" aria-pressed=${isOn ? "true" : "false"} @click=${(event: MouseEvent) => this.#act(event, { do: "tool", tool })}>
      ${icon(name)}<span>${label}</span>
    </button>`;
  }

  #button(action: "undo" | "redo" | "clear" | "invert" | "fit", name: IconName, label: string, disabled = false) {
    return html`<button class="icon-button" type="button" aria-label=${label} title=${label} ?disabled=${disabled} @click=${(event: MouseEvent) => this.#act(event, { do: action })}>${icon(name)}</button>`;
  }

  override render() {
    const { width, height } = this.edits.mask;
    const most = Math.min(MOST_DIAMETER, Math.max(width, height, this.brush.diameter));
    const filled = ((this.brush.diameter - LEAST_DIAMETER) / Math.max(1, most - LEAST_DIAMETER)) * 100;
    return html`<div class="bar" role="toolbar" aria-label=${t("mask.tools")}>
      <div class="group">${this.#tool("paint", "brush", t("mask.brush"))}${this.#tool("erase", "eraser", t("mask.eraser"))}</div>
      <div class="size">
        <label for="size">${t("mask.size")}</label>
        <input
          id="size"
          type="range"
          min=${LEAST_DIAMETER}
          max=${most}
          .value=${String(this.brush.diameter)}
          aria-valuetext=${t("mask.pixels", { count: this.brush.diameter })}
          style="--filled: ${filled}%"
          @input=${(event: Event) => this.#slid(event)}
        />
        <output for="size">${t("mask.pixels", { count: this.brush.diameter })}</output>
      </div>
      <div class="group">
        ${this.#button("undo", "undo", t("bar.undo"), !this.edits.canUndo)} ${this.#button("redo", "redo", t("bar.redo"), !this.edits.canRedo)}
        ${this.#button("invert", "invert", t("mask.invert"))} ${this.#button("clear", "trash", t("mask.clear"), this.painted === 0)}
        ${this.#button("fit", "expand", t("mask.fit"))}
      </div>
    </div>`;
  }

  static override readonly styles = [
    base,
    controls,
    sliderLook,
    css`
      .bar {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px 20px;
        padding: 8px 14px;
        border-bottom: 1px solid var(--line);
      }

      .group {
        display: flex;
        gap: 4px;
      }

      .tool {
        display: inline-flex;
        align-items: center;
        gap: 6px;
        min-height: 36px;
        padding: 0 12px;
        border: 1px solid transparent;
        border-radius: var(--radius-control);
        background: none;
        color: var(--text-soft);
        font-weight: 550;
      }

      .tool:hover {
        background: var(--surface-hover);
        color: var(--text);
      }

      .tool.on {
        border-color: var(--line-strong);
        background: var(--surface-hover);
        color: var(--text);
      }

      .size {
        display: flex;
        flex: 1 1 200px;
        align-items: center;
        gap: 10px;
        max-width: 340px;
      }

      .size input {
        flex: 1;
        min-width: 80px;
      }

      output {
        min-width: 52px;
        color: var(--text-soft);
        font-size: 13px;
        font-variant-numeric: tabular-nums;
      }

      @media (max-width: 720px) {
        .bar {
          justify-content: space-between;
        }

        .tool {
          padding: 0 8px;
        }

        .size {
          order: 1;
          flex-basis: 100%;
          max-width: none;
        }
      }

      @media (max-width: 480px) {
        .tool span {
          position: absolute;
          width: 1px;
          height: 1px;
          overflow: hidden;
          clip-path: inset(50%);
        }
      }
    `,
  ];
}
