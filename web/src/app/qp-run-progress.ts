/** How far the run on screen is, for where the cards that tell it are scrolled away: the foot of a phone's screen. */
import { css, html, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import "../elements/qp-progress.js";
import { StudioElement } from "../elements/studio-element.js";
import { t } from "../i18n/text.js";
import { type RunView, runUnderWay } from "../store/selectors.js";
import type { State } from "../store/state.js";

@customElement("qp-run-progress")
export class QpRunProgress extends StudioElement<RunView | undefined> {
  protected view(state: State): RunView | undefined {
    return runUnderWay(state);
  }

  override render() {
    const run = this.current;
    if (!run) return nothing;
    return html`<qp-progress label=${t("progress.label", { brick: run.title })} .fraction=${run.fraction} text=${run.text}></qp-progress>`;
  }

  static override readonly styles = css`
    :host {
      --tint: var(--generator);
    }
  `;
}
