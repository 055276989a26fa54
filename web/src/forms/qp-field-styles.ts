/** Picks a few styles out of many: chips for what is chosen, a search with a grouped list for the rest. */
import { css, html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { icon } from "../elements/icons.js";
import { t } from "../i18n/text.js";
import { asText } from "../net/json.js";
import { FieldElement } from "./field-element.js";
import type { Choice } from "./schema.js";

@customElement("qp-field-styles")
export class QpFieldStyles extends FieldElement<"styles"> {
  @state() private search = "";

  get #chosen(): string[] {
    return Array.isArray(this.value) ? this.value.map(asText) : [];
  }

  #toggle(id: string): void {
    const chosen = this.#chosen;
    this.change(chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id].slice(0, this.field.limit));
  }

  #keyed(event: KeyboardEvent): void {
    if (event.key !== "Enter") return;
    const first = matching(this.field.choices, this.search)[0];
    if (!first || this.search.trim() === "") return;
    event.preventDefault();
    this.#toggle(asText(first.value));
    this.search = "";
  }

  #label(id: string): string {
    return this.field.choices.find((choice) => choice.value === id)?.label ?? id;
  }

  #option(choice: Choice, chosen: string[]) {
    const id = asText(choice.value);
    const picked = chosen.includes(id);
    return html`<li>
      <button
        class="option"
        type="button"
        aria-pressed=${picked ? "true" : "false"}
        ?disabled=${!picked && chosen.length >= this.field.limit}
        @click=${() => this.#toggle(id)}
      >
        ${choice.label}
      </button>
    </li>`;
  }

  override render() {
    const chosen = this.#chosen;
    const groups = grouped(matching(this.field.choices, this.search));
    return html`
      <div class="head">
        <label for="control">${this.field.title}</label>
        <span class="hint">${t("field.stylesCount", { count: chosen.length, limit: this.field.limit })}</span>
      </div>
      ${chosen.length === 0
        ? nothing
        : html`<ul class="chips" aria-label=${t("field.stylesChosen")}>
            ${chosen.map(
              (id) => html`<li>
                <button class="chip" type="button" aria-label=${t("field.stylesRemove", { style: this.#label(id) })} @click=${() => this.#toggle(id)}>
                  <span>${this.#label(id)}</span>${icon("close")}
                </button>
              </li>`,
            )}
          </ul>`}
      <input
        id="control"
        class="input"
        type="search"
        autocomplete="off"
        placeholder=${t("field.stylesSearch")}
        aria-describedby="notes"
        aria-invalid=${this.invalid}
        .value=${live(this.search)}
        @input=${(event: Event) => (this.search = (event.target as HTMLInputElement).value)}
        @keydown=${(event: KeyboardEvent) => this.#keyed(event)}
      />
      <div class="list" role="group" aria-label=${t("field.stylesList")} tabindex="-1">
        ${groups.map(
          ([group, choices]) => html`
            ${group === "" ? nothing : html`<h3>${group}</h3>`}
            <ul>
              ${choices.map((choice) => this.#option(choice, chosen))}
            </ul>
          `,
        )}
        ${groups.length === 0 ? html`<p class="hint">${t("field.stylesNone")}</p>` : nothing}
      </div>
      ${this.notes()}
    `;
  }

  static override readonly styles = [
    FieldElement.styles,
    css`
      .chips,
      .list ul {
        display: flex;
        flex-wrap: wrap;
        gap: 6px;
      }

      .chip {
        display: inline-flex;
        align-items: center;
        gap: 5px;
        padding: 3px 7px 3px 11px;
        border: 1px solid color-mix(in srgb, var(--tint, var(--accent)) 55%, transparent);
        border-radius: 999px;
        background: color-mix(in srgb, var(--tint, var(--accent)) 16%, transparent);
        color: var(--text);
        font-size: 13px;
        font-weight: 550;
      }

      .chip svg.icon {
        width: 13px;
        height: 13px;
      }

      .list {
        display: grid;
        gap: 6px;
        max-height: max(220px, 46vh);
        padding: 2px;
        overflow: auto;
      }

      h3 {
        margin-top: 6px;
        color: var(--text-faint);
        font-size: 12px;
        font-weight: 600;
      }

      .option {
        padding: 3px 10px;
        border: 1px solid var(--line);
        border-radius: 999px;
        background: transparent;
        color: var(--text-soft);
        font-size: 13px;
        transition: background var(--quick), color var(--quick);
      }

      .option:hover:not(:disabled) {
        background: var(--surface-hover);
        color: var(--text);
      }

      .option:disabled {
        opacity: 0.45;
      }

      .option[aria-pressed="true"] {
        border-color: color-mix(in srgb, var(--tint, var(--accent)) 60%, transparent);
        color: var(--tint-text, var(--text));
      }
    `,
  ];
}

/** The choices whose name or group has every word that was typed. */
export function matching(choices: readonly Choice[], search: string): Choice[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return choices.filter((choice) => {
    const text = `${choice.label} ${choice.group}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function grouped(choices: readonly Choice[]): [string, Choice[]][] {
  const groups = new Map<string, Choice[]>();
  for (const choice of choices) groups.set(choice.group, [...(groups.get(choice.group) ?? []), choice]);
  return [...groups];
}
