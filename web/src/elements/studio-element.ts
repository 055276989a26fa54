/** The base of elements that show the state: redraws one of them only when what it looks at changes. */
import { LitElement } from "lit";
import { property } from "lit/decorators.js";
import type { State } from "../store/state.js";
import type { Studio } from "../store/studio.js";
import { watch } from "../store/watch.js";

export abstract class StudioElement<View> extends LitElement {
  @property({ attribute: false }) studio!: Studio;

  #unwatch: (() => void) | undefined;

  /** What this element shows of the state. */
  protected abstract view(state: State): View;

  protected get current(): View {
    return this.view(this.studio.store.state);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#unwatch = watch(
      this.studio.store,
      (state) => this.view(state),
      () => this.requestUpdate(),
    );
  }

  override disconnectedCallback(): void {
    this.#unwatch?.();
    super.disconnectedCallback();
  }
}
