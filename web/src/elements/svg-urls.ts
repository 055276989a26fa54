/** Addresses at which an element's drawings are, for `img` and for links to save them. They end when no longer drawn. */
import type { ReactiveController, ReactiveControllerHost } from "lit";

export class SvgUrls implements ReactiveController {
  readonly #urls = new Map<string, string>();
  readonly #drawn = new Set<string>();

  constructor(host: ReactiveControllerHost) {
    host.addController(this);
  }

  /** The address of a drawing. To be asked for in each `render` that shows it. */
  of(svg: string): string {
    this.#drawn.add(svg);
    const known = this.#urls.get(svg);
    if (known !== undefined) return known;
    const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
    this.#urls.set(svg, url);
    return url;
  }

  hostUpdated(): void {
    this.#end((svg) => !this.#drawn.has(svg));
    this.#drawn.clear();
  }

  hostDisconnected(): void {
    this.#end(() => true);
  }

  #end(isOver: (svg: string) => boolean): void {
    for (const [svg, url] of this.#urls) {
      if (!isOver(svg)) continue;
      URL.revokeObjectURL(url);
      this.#urls.delete(svg);
    }
  }
}
