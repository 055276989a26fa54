/** One brick in the strip: its head, what feeds it, its form, and what it makes. */
import { html, nothing } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { icon } from "../elements/icons.js";
import { StudioElement } from "../elements/studio-element.js";
import "../forms/qp-form.js";
import type { ParamsChanged } from "../forms/field-element.js";
import type { QpForm } from "../forms/qp-form.js";
import { namesOf } from "../forms/editing.js";
import { fields } from "../forms/schema.js";
import { t } from "../i18n/text.js";
import type { BrickInfo, Problem } from "../net/types.js";
import { beforeOf } from "../store/before.js";
import { type CardView, card } from "../store/selectors.js";
import type { State } from "../store/state.js";
import { base, controls } from "../styles/shared.js";
import { cardStyles } from "./card-styles.js";
import "./qp-brick-marks.js";
import { PlaceKeeper } from "./place-keeper.js";
import "./qp-live-preview.js";
import "./qp-stage.js";
import type { PictureOpened } from "./qp-stage.js";
import "./qp-version-chip.js";
import "./qp-words.js";

/** Sent when the grip is pressed; `detail` is the pointer event. */
export type GripPressed = CustomEvent<PointerEvent>;

/** The interface of bricks that show their pictures. */
const GALLERY = "qpyt:store/gallery";

const STEPS: Record<string, (position: number, count: number) => number> = {
  ArrowLeft: (position) => position - 1,
  ArrowUp: (position) => position - 1,
  ArrowRight: (position) => position + 1,
  ArrowDown: (position) => position + 1,
  Home: () => 0,
  End: (_, count) => count - 1,
};

@customElement("qp-card")
export class QpCard extends StudioElement<CardView | undefined> {
  @property() brickId = "";

  @query(".grip") private readonly grip!: HTMLElement | null;
  @query("qp-form") readonly form!: QpForm | null;
  @query("article") readonly article!: HTMLElement | null;


  constructor() {
    super();
    new PlaceKeeper(this);
  }

  /** How often this card was drawn: the budget of a progress event is one card, once. */
  draws = 0;

  protected view(state: State): CardView | undefined {
    return card(state, this.brickId);
  }

  /** Whether the brick is here, and its form with it. */
  get hasForm(): boolean {
    const view = this.current;
    return view?.info !== undefined && !view.collapsed;
  }

  /** Puts the keyboard into a parameter's field, or on the card. */
  focusAt(name?: string): void {
    if (name !== undefined && this.form?.focusField(name)) return;
    this.article?.focus();
  }

  override willUpdate(): void {
    this.setAttribute("category", this.current?.info?.category ?? "unknown");
  }

  override updated(): void {
    this.draws += 1;
  }

  async #moveByKey(event: KeyboardEvent, view: CardView): Promise<void> {
    const target = STEPS[event.key]?.(view.position, view.count);
    if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.studio.editor.move(this.brickId, target);
    // Moving the element in the page takes the keyboard away from it.
    await new Promise(requestAnimationFrame);
    this.grip?.focus();
    this.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #pressed(event: PointerEvent): void {
    this.dispatchEvent(new CustomEvent<PointerEvent>("qp-grip", { detail: event, bubbles: true, composed: true }));
  }

  #remove(): void {
    this.dispatchEvent(new CustomEvent("qp-removing", { bubbles: true, composed: true }));
    this.studio.editor.remove(this.brickId);
  }

  #head(view: CardView) {
    const { title, collapsed, led, info } = view;
    const state = t(`state.${led}`);
    return html`<header>
      <button
        class="icon-button small grip"
        type="button"
        aria-label=${t("card.move", { brick: title })}
        title=${t("card.moveHint")}
        @pointerdown=${(event: PointerEvent) => this.#pressed(event)}
        @keydown=${(event: KeyboardEvent) => void this.#moveByKey(event, view)}
      >
        ${icon("grip")}
      </button>
      <span class="mark">${icon(info?.category ?? "puzzle")}</span>
      <div class="name">
        <h2 id="title" title=${info?.doc ?? ""}>${title}</h2>
        <p class="state"><span class="led ${led}" title=${state}></span><span class="word ${collapsed ? "quiet" : ""}">${state}</span>${this.#chip(view)}</p>
        ${collapsed ? html`<qp-brick-marks compact .studio=${this.studio} .brickId=${this.brickId}></qp-brick-marks>` : nothing}
      </div>
      <div class="actions">
        <button
          class="icon-button small"
          type="button"
          aria-expanded=${collapsed ? "false" : "true"}
          aria-label=${t(collapsed ? "card.expand" : "card.collapse", { brick: title })}
          title=${t(collapsed ? "card.expand" : "card.collapse", { brick: title })}
          @click=${() => this.studio.editor.collapse(this.brickId, !collapsed)}
        >
          ${icon(collapsed ? "unfold" : "fold")}
        </button>
        ${collapsed
          ? nothing
          : html`<button
              class="icon-button small"
              type="button"
              aria-label=${t("card.remove", { brick: title })}
              title=${t("card.remove", { brick: title })}
              @click=${() => this.#remove()}
            >
              ${icon("trash")}
            </button>`}
      </div>
    </header>`;
  }

  #chip({ collapsed, info }: CardView) {
    if (collapsed || !info) return nothing;
    return html`<qp-version-chip .studio=${this.studio} .brickId=${this.brickId}></qp-version-chip>`;
  }

  #wires(view: CardView) {
    if (view.wires.length + view.open.length === 0) return nothing;
    return html`<ul class="wires" aria-label=${t("card.wires")}>
      ${view.wires.map((wire) => {
        const [input = "", from = ""] = wire.split("\n");
        return html`<li class="wire" title=${input}><span>${input}</span>${icon("link")}<span class="quiet">${t("card.from")}</span><span>${from}</span></li>`;
      })}
      ${view.open.map((input) => html`<li class="wire open">${t("card.open", { input })}</li>`)}
    </ul>`;
  }

  /** For a brick that lacks its mask: puts a brick before it in which one is painted, and opens the editor. */
  #paintMask({ maskPainter }: CardView) {
    if (!maskPainter) return nothing;
    const paint = (): void => {
      const brick = this.studio.editor.add(maskPainter.info, this.brickId);
      this.studio.store.set({ maskTask: { brick, param: maskPainter.param } });
    };
    return html`<button class="button small paint-mask" type="button" @click=${paint}>${icon("brush")}${t("mask.paint")}</button>`;
  }

  #faults(problems: Problem[]) {
    if (problems.length === 0) return nothing;
    return html`<div class="faults">
      ${problems.map((problem) => html`<p class="fault">${icon("alert")}<span>${problem.message}</span></p>`)}
    </div>`;
  }

  /** What the last run had to say of its result. */
  #notes({ notes }: CardView) {
    if (notes.length === 0) return nothing;
    return html`<ul class="notes" aria-label=${t("card.notes")}>
      ${notes.map((note) => html`<li>${icon("alert")}<span>${note}</span></li>`)}
    </ul>`;
  }

  #body(view: CardView) {
    const { info, brick, problems, led, lastSeed } = view;
    if (!info) return led === "unknown" ? this.#missing(view) : nothing;
    const named = fieldNames(info);
    return html`
      ${this.#faults(problems.filter((problem) => !named.has(problem.name ?? "")))} ${this.#notes(view)}
      ${info.category === "output" ? html`${this.#stage(view)}${this.#told(view)}` : nothing}
      <qp-form
        .studio=${this.studio}
        .schema=${info.params_schema}
        .params=${brick.params}
        .problems=${problems}
        .brick=${brick.brick}
        .instance=${brick.id}
        .lastSeed=${lastSeed}
        @qp-params=${(event: ParamsChanged) => this.studio.editor.setParams(brick.id, event.detail)}
      ></qp-form>
      ${view.words.length > 0 ? html`<qp-words .words=${view.words} ?writing=${led === "running"}></qp-words>` : nothing}
    `;
  }

  #stage(view: CardView) {
    if (view.live && view.led !== "running") return html`<qp-live-preview .preview=${view.live} label=${view.title}></qp-live-preview>`;
    return this.#made(view);
  }

  #opened({ pictures, drawings }: CardView, { detail }: PictureOpened): void {
    const { store } = this.studio;
    const before = beforeOf(store.state, this.brickId, pictures.map(({ digest }) => digest));
    store.set({ lightbox: { pictures, drawings, before, ...detail } });
  }

  #made(view: CardView) {
    const { title, run, preview, pictures, drawings, led, info } = view;
    return html`<qp-stage
      .label=${title}
      .run=${run}
      .preview=${preview}
      .pictures=${pictures}
      .drawings=${drawings}
      ?running=${led === "running"}
      ?placeholder=${info?.uses.includes(GALLERY) ?? false}
      @qp-picture=${(event: PictureOpened) => this.#opened(view, event)}
    ></qp-stage>`;
  }

  /** What an output brick says it did, such as the files it wrote. */
  #told({ told }: CardView) {
    if (told.length === 0) return nothing;
    return html`<dl class="told">
      ${told.map((line) => {
        const [label = "", value = ""] = line.split("\n");
        return html`<div><dt>${label}</dt><dd>${value}</dd></div>`;
      })}
    </dl>`;
  }

  #missing(view: CardView) {
    const { brick } = view;
    return html`<div class="missing-brick">
      <p>${t("card.unknown", { brick: `${brick.brick} ${brick.requires === "*" ? "" : (brick.requires ?? "")}`.trim() })}</p>
      <p class="hint">${t("card.unknownKept")}</p>
      <pre>${JSON.stringify(brick.params, null, 2)}</pre>
    </div>`;
  }

  override render() {
    const view = this.current;
    if (!view) return nothing;
    const { collapsed, led, info } = view;
    return html`
      <article class="${led} ${collapsed ? "collapsed" : ""}" aria-labelledby="title" tabindex="-1">
        ${this.#head(view)}
        ${collapsed
          ? nothing
          : html`<qp-brick-marks .studio=${this.studio} .brickId=${this.brickId}></qp-brick-marks>
              ${this.#wires(view)} ${this.#paintMask(view)}
              <div class="body">${this.#body(view)}</div>
              ${info?.category === "generator" ? html`<div class="made">${this.#stage(view)}</div>` : nothing}`}
      </article>
    `;
  }

  static override readonly styles = [base, controls, cardStyles];
}

function fieldNames(info: BrickInfo): Set<string> {
  return new Set(fields(info.params_schema).flatMap(namesOf));
}
