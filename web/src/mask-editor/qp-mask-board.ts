/** The picture that is painted over: shows the mask as a tint, and turns pointers, wheel and keys into strokes. */
import { LitElement, type PropertyValues, css, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { t } from "../i18n/text.js";
import { base } from "../styles/shared.js";
import { type Brush, resized } from "./brush.js";
import { Gestures } from "./gestures.js";
import type { MaskEdits } from "./mask-edits.js";
import type { Area, Colour, Point, Size } from "./mask.js";
import { type Viewport, fitted, moved, toFrame, toPicture, zoomed } from "./viewport.js";

/** Sent when the wheel resizes the brush. */
export type BrushChanged = CustomEvent<Brush>;

const TINT: Colour = [168, 85, 247, 165];
const CLEAR: Colour = [0, 0, 0, 0];

const MIDDLE_BUTTON = 1;
/** The bit of a pen's other end among the buttons that are held. */
const ERASER_END = 32;
/** How much a pixel of scrolling zooms; pinching on a touch pad comes as finer scrolling with Ctrl. */
const WHEEL = { scroll: 0.0015, pinch: 0.01 };
/** A line of scrolling, in pixels. */
const LINE = 16;
/** A step of an arrow key, as a part of the brush. */
const KEY_STEP = 0.25;

@customElement("qp-mask-board")
export class QpMaskBoard extends LitElement {
  @property({ attribute: false }) edits!: MaskEdits;
  @property({ attribute: false }) brush!: Brush;
  /** The address of the picture underneath; empty for none. */
  @property() picture = "";

  @query(".frame") private readonly frame!: HTMLElement;
  @query("canvas") private readonly canvas!: HTMLCanvasElement;
  @state() private view: Viewport = { zoom: 1, x: 0, y: 0 };
  /** Where the brush is, in the picture, while it is to be seen. */
  @state() private at: Point | undefined;
  @state() private spaceHeld = false;

  readonly #gestures = new Gestures({
    begin: (at, erases) => this.#changed(this.edits.begin(this.#inPicture(at), this.brush.diameter, this.brush.tool === "paint" && !erases)),
    draw: (to) => this.#changed(this.edits.draw(this.#inPicture(to))),
    end: () => {
      this.edits.end();
      this.#tell();
    },
    cancel: () => this.#changed(this.edits.cancel()),
    pan: (by) => (this.view = moved(this.view, by, this.edits.mask, this.#size)),
    zoom: (factor, at) => (this.view = zoomed(this.view, factor, at, this.edits.mask, this.#size)),
  });

  readonly #resized = new ResizeObserver(() => this.fit());

  override disconnectedCallback(): void {
    this.#resized.disconnect();
    super.disconnectedCallback();
  }

  protected override firstUpdated(): void {
    this.#resized.observe(this.frame);
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (!changed.has("edits")) return;
    Object.assign(this.canvas, { width: this.edits.mask.width, height: this.edits.mask.height });
    this.draw(this.edits.mask.whole);
    this.fit();
  }

  /** Shows the cells of an area as they are now. */
  draw(area: Area | undefined): void {
    if (!area) return;
    const pixels = this.edits.mask.pixels(area, TINT, CLEAR);
    this.canvas.getContext("2d")?.putImageData(new ImageData(pixels, area.width, area.height), area.x, area.y);
  }

  /** Shows the whole picture. */
  fit(): void {
    this.view = fitted(this.edits.mask, this.#size);
  }

  zoomBy(factor: number): void {
    const { width, height } = this.#size;
    this.view = zoomed(this.view, factor, { x: width / 2, y: height / 2 }, this.edits.mask, this.#size);
  }

  /** Moves the brush by parts of its width, and draws on the way if asked to. */
  lead(by: Point, draws: boolean): void {
    const { width, height } = this.edits.mask;
    const from = this.at ?? { x: width / 2, y: height / 2 };
    const step = Math.max(1, this.brush.diameter * KEY_STEP);
    const within = (value: number, most: number): number => Math.min(most, Math.max(0, value));
    const to = { x: within(from.x + by.x * step, width), y: within(from.y + by.y * step, height) };
    this.at = to;
    if (draws) this.#stroke(from, to);
  }

  /** Puts the brush down once, where it is. */
  dab(): void {
    const at = this.at ?? { x: this.edits.mask.width / 2, y: this.edits.mask.height / 2 };
    this.at = at;
    this.#stroke(at, at);
  }

  override focus(): void {
    this.frame.focus();
  }

  #stroke(from: Point, to: Point): void {
    this.draw(this.edits.begin(from, this.brush.diameter, this.brush.tool === "paint"));
    this.draw(this.edits.draw(to));
    this.edits.end();
    this.#tell();
  }

  #changed(area: Area | undefined): void {
    this.draw(area);
    this.#tell();
  }

  #tell(): void {
    this.dispatchEvent(new CustomEvent("qp-mask-edited"));
  }

  get #size(): Size {
    return { width: this.frame.clientWidth, height: this.frame.clientHeight };
  }

  #inFrame(event: MouseEvent): Point {
    const { left, top } = this.frame.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  #inPicture(at: Point): Point {
    return toPicture(this.view, at);
  }

  #pressed(event: PointerEvent): void {
    if (event.button > MIDDLE_BUTTON && (event.buttons & ERASER_END) === 0) return;
    event.preventDefault();
    this.frame.focus({ preventScroll: true });
    this.frame.setPointerCapture(event.pointerId);
    this.#gestures.down({
      id: event.pointerId,
      at: this.#inFrame(event),
      isTouch: event.pointerType === "touch",
      pans: event.button === MIDDLE_BUTTON || this.spaceHeld,
      erases: (event.buttons & ERASER_END) !== 0,
    });
  }

  #moved(event: PointerEvent): void {
    // The browser hands over several moves at once; without those in between, fast curves get corners.
    const moves = event.getCoalescedEvents();
    for (const move of moves.length > 0 ? moves : [event]) this.#gestures.move(event.pointerId, this.#inFrame(move));
    this.at = this.#inPicture(this.#inFrame(event));
  }

  #lifted(event: PointerEvent, lost: boolean): void {
    this.#gestures.up(event.pointerId, lost);
    if (event.pointerType === "touch") this.at = undefined;
  }

  #wheeled(event: WheelEvent): void {
    event.preventDefault();
    const turned = (event.deltaY || event.deltaX) * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE : 1);
    if (event.shiftKey) {
      this.dispatchEvent(new CustomEvent<Brush>("qp-brush", { detail: resized(this.brush, -Math.sign(turned)) }));
      return;
    }
    const factor = Math.exp(-turned * (event.ctrlKey ? WHEEL.pinch : WHEEL.scroll));
    this.view = zoomed(this.view, factor, this.#inFrame(event), this.edits.mask, this.#size);
  }

  #spaced(event: KeyboardEvent, held: boolean): void {
    if (event.key !== " ") return;
    event.preventDefault();
    this.spaceHeld = held;
  }

  #ring() {
    if (!this.at || this.spaceHeld) return nothing;
    const { x, y } = toFrame(this.view, this.at);
    const width = this.brush.diameter * this.view.zoom;
    return html`<div class="ring" style="width: ${width}px; height: ${width}px; transform: translate(${x - width / 2}px, ${y - width / 2}px)"></div>`;
  }

  override render() {
    const { width, height } = this.edits.mask;
    const { zoom, x, y } = this.view;
    return html`<div
      class="frame ${this.spaceHeld ? "moving" : ""}"
      role="application"
      tabindex="0"
      aria-label=${t("mask.board")}
      @pointerdown=${(event: PointerEvent) => this.#pressed(event)}
      @pointermove=${(event: PointerEvent) => this.#moved(event)}
      @pointerup=${(event: PointerEvent) => this.#lifted(event, false)}
      @pointercancel=${(event: PointerEvent) => this.#lifted(event, true)}
      @pointerleave=${() => (this.at = undefined)}
      @wheel=${(event: WheelEvent) => this.#wheeled(event)}
      @keydown=${(event: KeyboardEvent) => this.#spaced(event, true)}
      @keyup=${(event: KeyboardEvent) => this.#spaced(event, false)}
      @blur=${() => (this.spaceHeld = false)}
    >
      <div class="sheet" style="width: ${width}px; height: ${height}px; transform: translate(${x}px, ${y}px) scale(${zoom})">
        ${this.picture === "" ? nothing : html`<img src=${this.picture} alt="" draggable="false" class=${zoom > 2 ? "coarse" : ""} />`}
        <canvas class=${zoom > 2 ? "coarse" : ""}></canvas>
      </div>
      ${this.#ring()}
    </div>`;
  }

  static override readonly styles = [
    base,
    css`
      :host {
        display: block;
        min-height: 0;
      }

      .frame {
        position: relative;
        height: 100%;
        background: var(--surface-sunken);
        overflow: hidden;
        cursor: crosshair;
        touch-action: none;
        user-select: none;
      }

      .frame.moving {
        cursor: grab;
      }

      .frame:focus-visible {
        outline-offset: -3px;
      }

      .sheet {
        position: absolute;
        inset: 0 auto auto 0;
        background: var(--surface-hover);
        transform-origin: 0 0;
      }

      img,
      canvas {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
      }

      /* Close up, what counts is which pixels are in. */
      .coarse {
        image-rendering: pixelated;
      }

      .ring {
        position: absolute;
        inset: 0 auto auto 0;
        border: 1px solid #ffffff;
        border-radius: 50%;
        box-shadow: 0 0 0 1px rgb(0 0 0 / 0.6), inset 0 0 0 1px rgb(0 0 0 / 0.3);
        pointer-events: none;
      }
    `,
  ];
}
