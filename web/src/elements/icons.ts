/** The pictograms, as one-line drawings on a 24 by 24 grid. Decoration only: the control around one carries the name. */
import { type SVGTemplateResult, html, svg, type TemplateResult } from "lit";

const drawings = {
  add: svg`<path d="M12 5v14M5 12h14"/>`,
  alert: svg`<path d="M12 4 2.8 19.5h18.4zM12 10v4.5M12 17.2v.1"/>`,
  cached: svg`<path d="M13 3 5 13.5h6L10 21l8-10.5h-6z"/>`,
  check: svg`<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
  close: svg`<path d="m6 6 12 12M18 6 6 18"/>`,
  dice: svg`<rect x="4" y="4" width="16" height="16" rx="4"/><path d="M8.8 8.8v.1M15.2 8.8v.1M12 12v.1M8.8 15.2v.1M15.2 15.2v.1"/>`,
  download: svg`<path d="M12 4v11m-4.5-4L12 15.5 16.5 11M5 20h14"/>`,
  expand: svg`<path d="M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7"/>`,
  file: svg`<path d="M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8zM14 3v5h5"/>`,
  fold: svg`<path d="M8 6v12M19 7l-5 5 5 5"/>`,
  folder: svg`<path d="M3.5 7a2 2 0 0 1 2-2h4l2 2.5h7a2 2 0 0 1 2 2V17a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2z"/>`,
  generator: svg`<path d="m12 3.5 1.9 5.6 5.6 1.9-5.6 1.9L12 18.5l-1.9-5.6L4.5 11l5.6-1.9zM18.5 16.5v4M16.5 18.5h4"/>`,
  grip: svg`<path d="M9 6v.1M15 6v.1M9 12v.1M15 12v.1M9 18v.1M15 18v.1" stroke-width="2.6"/>`,
  help: svg`<circle cx="12" cy="12" r="8.5"/><path d="M9.8 9.6a2.3 2.3 0 1 1 3.4 2c-.8.5-1.2 1-1.2 1.9M12 16.6v.1"/>`,
  history: svg`<path d="M4 12a8 8 0 1 0 2.6-5.9M4 4.5V9h4.5M12 8v4.4l3 1.8"/>`,
  image: svg`<rect x="3.5" y="4.5" width="17" height="15" rx="3"/><circle cx="9" cy="10" r="1.6"/><path d="m5 17 5-4 3 2.4 3-2.9 4 3.8"/>`,
  input: svg`<path d="M5 6h14M5 11h14M5 16h8"/>`,
  link: svg`<path d="M20 12H6m5-5-5 5 5 5"/>`,
  next: svg`<path d="m9 5 7 7-7 7"/>`,
  output: svg`<rect x="3.5" y="4.5" width="17" height="15" rx="3"/><path d="m5 17 5-4 3 2.4 3-2.9 4 3.8"/>`,
  play: svg`<path d="M8 5.5v13l10.5-6.5z"/>`,
  previous: svg`<path d="m15 5-7 7 7 7"/>`,
  puzzle: svg`<path d="M5 8h4a2 2 0 1 1 4 0h4v4a2 2 0 1 1 0 4v4H5z"/>`,
  queue: svg`<path d="M4 6h16M4 12h16M4 18h9"/>`,
  redo: svg`<path d="m15 5 4.5 4.5L15 14M19 9.5H10a5 5 0 0 0 0 10h3"/>`,
  save: svg`<path d="M5 4h11l3 3v13H5zM8 4v5h7V4M8 20v-6h8v6"/>`,
  search: svg`<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4 4"/>`,
  setting: svg`<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>`,
  stop: svg`<rect x="6.5" y="6.5" width="11" height="11" rx="2"/>`,
  swap: svg`<path d="M7 7h12m-3-3 3 3-3 3M17 17H5m3 3-3-3 3-3"/>`,
  trash: svg`<path d="M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.5 11v5M13.5 11v5"/>`,
  undo: svg`<path d="M9 5 4.5 9.5 9 14M4.5 9.5H14a5 5 0 0 1 0 10h-3"/>`,
  unfold: svg`<path d="M16 6v12M5 7l5 5-5 5"/>`,
  upload: svg`<path d="M12 16V5m-4.5 4L12 4.5 16.5 9M5 20h14"/>`,
} satisfies Record<string, SVGTemplateResult>;

export type IconName = keyof typeof drawings;

export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${drawings[name]}</svg>`;
}
