/** New versions of bricks that were not let in: which, why, that the version before goes on, and what to do. */
import { css, html, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { icon } from "../elements/icons.js";
import { StudioElement } from "../elements/studio-element.js";
import { t } from "../i18n/text.js";
import type { Refusal } from "../net/types.js";
import { refusalKey, shownRefusals } from "../store/bricks.js";
import { newest } from "../store/catalog.js";
import type { State } from "../store/state.js";
import { noticeLook } from "../styles/notice.js";
import { base, controls } from "../styles/shared.js";

/** More of a reason than this is not read; the file has the rest. */
const MAX_REASON = 4000;

interface View {
  refusals: Refusal[];
  names: string[];
}

@customElement("qp-refusals")
export class QpRefusals extends StudioElement<View> {
  protected view(state: State): View {
    const refusals = shownRefusals(state);
    return { refusals, names: refusals.map((refusal) => nameOf(state, refusal)) };
  }

  #show(refusal: Refusal): void {
    const [id] = refusal.bricks;
    this.studio.inspector.show(id === undefined || !refusal.serving ? { kind: "refused" } : { kind: "brick", id, place: refusal.place_id });
    this.studio.store.set({ panel: "bricks" });
  }

  #card(refusal: Refusal, name: string) {
    const { kind, message, serving, path } = refusal;
    const title = t(kind === "build" ? "refusal.titleBuild" : "refusal.title", { brick: name });
    return html`<section class="notice ${serving ? "warning" : "error"}" role="alert" aria-label=${title}>
      ${icon("brick")}
      <div class="words">
        <strong>${title}</strong>
        <p>${serving ? t("refusal.serving") : nothing} ${t(`refusal.${kind}`)}</p>
      </div>
      <div class="actions">
        ${refusal.can_use_anyway
          ? html`<button class="button small" type="button" @click=${() => void this.studio.bricks.useAnyway(refusal.place_id)}>${t("mark.useAnyway")}</button>`
          : nothing}
        <button class="button small" type="button" @click=${() => this.#show(refusal)}>${t("refusal.open")}</button>
      </div>
      <button class="icon-button small" type="button" aria-label=${t("refusal.dismiss", { title })} @click=${() => this.studio.bricks.dismissRefusal(refusal)}>
        ${icon("close")}
      </button>
      <div class="reason">
        <pre tabindex="0" role="group" aria-label=${t("refusal.reason")}>${message.slice(0, MAX_REASON)}</pre>
        <p>${path}</p>
      </div>
    </section>`;
  }

  override render() {
    const { refusals, names } = this.current;
    return repeat(refusals, refusalKey, (refusal, index) => this.#card(refusal, names[index] ?? ""));
  }

  static override readonly styles = [
    base,
    controls,
    noticeLook,
    css`
      :host {
        display: contents;
      }

      .notice {
        flex-wrap: wrap;
        row-gap: 6px;
      }

      .reason {
        flex-basis: 100%;
        min-width: 0;
        padding-left: 30px;
      }

      pre {
        max-height: 150px;
        margin: 0 0 4px;
        padding: 8px 10px;
        border: 1px solid var(--line);
        border-radius: 8px;
        background: var(--surface-sunken);
        color: var(--text);
        font: 12px/1.55 var(--font-mono);
        overflow: auto;
        white-space: pre-wrap;
        overflow-wrap: anywhere;
        scrollbar-width: thin;
        scrollbar-color: var(--line-strong) transparent;
      }

      .reason p {
        color: var(--text-faint);
        font: 11.5px var(--font-mono);
        overflow-wrap: anywhere;
      }

      .actions {
        display: flex;
        flex-wrap: wrap;
        justify-content: flex-end;
        gap: 6px;
      }

      @media (max-width: 720px) {
        .words {
          flex-basis: 60%;
        }

        .reason {
          padding: 0;
        }

        .actions {
          order: 1;
          flex-basis: 100%;
        }
      }
    `,
  ];
}

/** The brick by its label, or by the name of its file when it was never there. */
function nameOf(state: State, { bricks: [id], path }: Refusal): string {
  if (id !== undefined) return newest(state.catalog, id)?.label ?? id;
  return path.split("/").filter(Boolean).pop() ?? t("refusal.unnamed");
}
