/** The secrets that bricks may use: their names, and the way to set, replace and remove one. Values are never shown. */
import { css, html, nothing } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import { icon } from "../elements/icons.js";
import "../elements/qp-confirm.js";
import type { QpConfirm } from "../elements/qp-confirm.js";
import { StudioElement } from "../elements/studio-element.js";
import { moment } from "../i18n/time.js";
import { t } from "../i18n/text.js";
import type { Secret } from "../net/types.js";
import { wantedSecrets } from "../store/powers.js";
import type { State } from "../store/state.js";
import { base, controls } from "../styles/shared.js";
import { sectionLook } from "./section-look.js";

interface View {
  secrets: readonly Secret[];
  wanted: string[];
}

@customElement("qp-secrets")
export class QpSecrets extends StudioElement<View> {
  @state() private name = "";
  @query("#value") private readonly value!: HTMLInputElement;
  @query("qp-confirm") private readonly confirm!: QpConfirm;

  protected view(current: State): View {
    return { secrets: current.secrets, wanted: wantedSecrets(current) };
  }

  #fill(name: string): void {
    this.name = name;
    this.value.focus();
  }

  async #store(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const value = this.value.value;
    const name = this.name.trim();
    if (name === "" || value === "") return;
    if (!(await this.studio.permissions.setSecret(name, value))) return;
    this.value.value = "";
    this.name = "";
  }

  async #remove(name: string): Promise<void> {
    const sure = await this.confirm.ask({ title: t("secrets.removeTitle", { name }), message: t("secrets.removeMessage"), action: t("secrets.remove") });
    if (sure) await this.studio.permissions.removeSecret(name);
  }

  #row({ name, set_at: at }: Secret) {
    return html`<li class="row">
      ${icon("key")}
      <div class="words"><strong>${name}</strong><p>${t("secrets.set", { when: moment(at) })}</p></div>
      <div class="acts">
        <button class="button small" type="button" aria-label=${t("secrets.replaceOne", { name })} @click=${() => this.#fill(name)}>${t("secrets.replace")}</button>
        <button class="button small danger" type="button" aria-label=${t("secrets.removeOne", { name })} @click=${() => void this.#remove(name)}>${t("secrets.remove")}</button>
      </div>
    </li>`;
  }

  #wanted(names: string[]) {
    if (names.length === 0) return nothing;
    return html`<p class="wanted">
      ${t("secrets.wanted")} ${names.map((name) => html`<button class="button small" type="button" @click=${() => this.#fill(name)}>${icon("key")}${name}</button>`)}
    </p>`;
  }

  override render() {
    const { secrets, wanted } = this.current;
    const known = secrets.some((secret) => secret.name === this.name.trim());
    return html`
      <h2>${t("bricks.secrets")}</h2>
      <p class="intro">${t("secrets.intro")}</p>
      ${secrets.length === 0
        ? html`<p class="none">${t("secrets.none")}</p>`
        : html`<ul class="rows" aria-label=${t("bricks.secrets")}>
            ${repeat(
              secrets,
              (secret) => secret.name,
              (secret) => this.#row(secret),
            )}
          </ul>`}
      ${this.#wanted(wanted)}
      <form @submit=${(event: SubmitEvent) => void this.#store(event)}>
        <div class="field">
          <label for="name">${t("secrets.name")}</label>
          <input
            id="name"
            class="input"
            autocomplete="off"
            spellcheck="false"
            maxlength="64"
            pattern="[a-z0-9._\\-]+"
            title=${t("secrets.nameHint")}
            required
            .value=${live(this.name)}
            @input=${(event: Event) => (this.name = (event.target as HTMLInputElement).value)}
          />
        </div>
        <div class="field">
          <label for="value">${t("secrets.value")}</label>
          <input id="value" class="input" type="password" autocomplete="new-password" required />
        </div>
        <button class="button primary" type="submit">${t(known ? "secrets.replace" : "secrets.store")}</button>
      </form>
      <qp-confirm></qp-confirm>
    `;
  }

  static override readonly styles = [
    base,
    controls,
    sectionLook,
    css`
      h2 {
        font-size: 19px;
        font-weight: 680;
      }

      .intro {
        max-width: 60ch;
        margin: 2px 0 18px;
        color: var(--text-soft);
      }

      .wanted {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px;
        margin-top: 14px;
        color: var(--text-soft);
      }

      form {
        display: flex;
        flex-wrap: wrap;
        align-items: flex-end;
        gap: 10px;
        margin-top: 18px;
      }

      .field {
        display: grid;
        flex: 1 1 180px;
        gap: 5px;
      }
    `,
  ];
}
