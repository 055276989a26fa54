/** The pages have addresses of their own: `#bricks` and `#bricks/<brick>`, `#models` and `#models/<model>`. */
import type { BrickPage, State } from "../store/state.js";
import type { Studio } from "../store/studio.js";
import { watch } from "../store/watch.js";

const ROOT = "#bricks";
const MODELS = "#models";

/** What an address shows. */
export type Shown = { panel: "bricks"; page: BrickPage | undefined } | { panel: "models"; model: string | undefined };

/** The page that an address shows, and what of it. `undefined` for the workflow. */
export function pageAt(hash: string): Shown | undefined {
  const [root, rest = ""] = hash.split(/\/(.*)/s);
  if (root === MODELS) return { panel: "models", model: rest === "" ? undefined : decoded(rest) };
  if (root !== ROOT) return undefined;
  if (rest === "") return { panel: "bricks", page: undefined };
  if (rest === "refused" || rest === "secrets") return { panel: "bricks", page: { kind: rest } };
  return { panel: "bricks", page: { kind: "brick", id: decoded(rest), place: "" } };
}

/** The address of what is shown; empty for the workflow. */
export function addressOf({ panel, brickPage, modelAt }: Pick<State, "panel" | "brickPage" | "modelAt">): string {
  if (panel === "models") return modelAt === undefined ? MODELS : `${MODELS}/${modelAt}`;
  if (panel !== "bricks") return "";
  if (brickPage === undefined) return ROOT;
  return `${ROOT}/${brickPage.kind === "brick" ? brickPage.id : brickPage.kind}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Keeps the address of the page and what it shows the same. */
export class DeepLink {
  #unwatch: (() => void) | undefined;

  constructor(private readonly studio: Studio) {}

  readonly #changed = (): void => {
    const at = pageAt(location.hash);
    const { store, inspector, shelf } = this.studio;
    const { panel } = store.state;
    if (at === undefined) {
      if (panel === "bricks" || panel === "models") store.set({ panel: undefined });
    } else if (addressOf(store.state) === location.hash) return;
    else if (at.panel === "models") shelf.open(at.model);
    else {
      inspector.show(at.page);
      store.set({ panel: "bricks" });
    }
  };

  follow(): void {
    window.addEventListener("hashchange", this.#changed);
    this.#unwatch = watch(this.studio.store, addressOf, () => this.#write());
    this.#changed();
  }

  stop(): void {
    window.removeEventListener("hashchange", this.#changed);
    this.#unwatch?.();
  }

  #write(): void {
    const address = addressOf(this.studio.store.state);
    if (address !== location.hash) history.replaceState(history.state, "", `${location.pathname}${location.search}${address}`);
  }
}
