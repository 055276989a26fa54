/** The pictograms, as one-line drawings on a 24 by 24 grid. Decoration only: the control around one carries the name. */
import { type SVGTemplateResult, html, svg, type TemplateResult } from "lit";

const drawings = {
  add: svg`<path d="M12 5v14M5 12h14"/>`,
  alert: svg`<path d="M12 4 2.8 19.5h18.4zM12 10v4.5M12 17.2v.1"/>`,
  brick: svg`<path d="M3.5 9.5h17v10h-17zM6.5 9.5v-3h4v3M13.5 9.5v-3h4v3"/>`,
  brush: svg`<path d="m9.5 13.5 8.7-8.7a1.9 1.9 0 0 1 2.7 2.7l-8.7 8.7zM9.5 13.5a3.6 3.6 0 0 0-4 3.6c0 1.5-.8 2.2-2 2.6 3.3 1.4 8.7.9 8.7-3.5z"/>`,
  cached: svg`<path d="M13 3 5 13.5h6L10 21l8-10.5h-6z"/>`,
  copy: svg`<rect x="8.5" y="8.5" width="11" height="11" rx="2.5"/><path d="M15.5 5.5a2 2 0 0 0-2-2h-7a3 3 0 0 0-3 3v7a2 2 0 0 0 2 2"/>`,
  check: svg`<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
  clock: svg`<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5V12l3 2"/>`,
  close: svg`<path d="m6 6 12 12M18 6 6 18"/>`,
  dice: svg`<rect x="4" y="4" width="16" height="16" rx="4"/><path d="M8.8 8.8v.1M15.2 8.8v.1M12 12v.1M8.8 15.2v.1M15.2 15.2v.1"/>`,
  download: svg`<path d="M12 4v11m-4.5-4L12 15.5 16.5 11M5 20h14"/>`,
  eraser: svg`<path d="M9.2 19.5 3.9 14.2a1.6 1.6 0 0 1 0-2.3l7.5-7.5a1.6 1.6 0 0 1 2.3 0l5.4 5.4a1.6 1.6 0 0 1 0 2.3l-7.4 7.4zM8 8l7.4 7.4M9.2 19.5H20"/>`,
  expand: svg`<path d="M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7"/>`,
  eye: svg`<path d="M2.8 12S6 5.8 12 5.8 21.2 12 21.2 12 18 18.2 12 18.2 2.8 12 2.8 12z"/><circle cx="12" cy="12" r="2.6"/>`,
  file: svg`<path d="M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8zM14 3v5h5"/>`,
  fold: svg`<path d="M8 6v12M19 7l-5 5 5 5"/>`,
  folder: svg`<path d="M3.5 7a2 2 0 0 1 2-2h4l2 2.5h7a2 2 0 0 1 2 2V17a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2z"/>`,
  generator: svg`<path d="m12 3.5 1.9 5.6 5.6 1.9-5.6 1.9L12 18.5l-1.9-5.6L4.5 11l5.6-1.9zM18.5 16.5v4M16.5 18.5h4"/>`,
  globe: svg`<circle cx="12" cy="12" r="8.5"/><path d="M3.8 12h16.4M12 3.5c2.6 2.4 3.8 5.3 3.8 8.5s-1.2 6.1-3.8 8.5c-2.6-2.4-3.8-5.3-3.8-8.5S9.4 5.9 12 3.5z"/>`,
  grip: svg`<path d="M9 6v.1M15 6v.1M9 12v.1M15 12v.1M9 18v.1M15 18v.1" stroke-width="2.6"/>`,
  help: svg`<circle cx="12" cy="12" r="8.5"/><path d="M9.8 9.6a2.3 2.3 0 1 1 3.4 2c-.8.5-1.2 1-1.2 1.9M12 16.6v.1"/>`,
  history: svg`<path d="M4 12a8 8 0 1 0 2.6-5.9M4 4.5V9h4.5M12 8v4.4l3 1.8"/>`,
  image: svg`<rect x="3.5" y="4.5" width="17" height="15" rx="3"/><circle cx="9" cy="10" r="1.6"/><path d="m5 17 5-4 3 2.4 3-2.9 4 3.8"/>`,
  input: svg`<path d="M5 6h14M5 11h14M5 16h8"/>`,
  invert: svg`<rect x="4" y="4" width="16" height="16" rx="3"/><path d="M12 4v16M12 8l4-4M12 13l8-8M12 18l8-8M15 20l5-5"/>`,
  key: svg`<circle cx="8.2" cy="15.8" r="4.2"/><path d="m11.3 12.7 8.2-8.2M16 8l3 3M13.5 10.5l2 2"/>`,
  link: svg`<path d="M20 12H6m5-5-5 5 5 5"/>`,
  model: svg`<path d="M12 3.5 19.5 8v8L12 20.5 4.5 16V8zM4.8 8.2 12 12.3l7.2-4.1M12 12.3v8"/>`,
  next: svg`<path d="m9 5 7 7-7 7"/>`,
  offline: svg`<path d="M4 4l16 16M8.6 15.4a4.8 4.8 0 0 1 6.8 0M5.5 12.2a9.3 9.3 0 0 1 4.3-2.4M18.5 12.2a9.2 9.2 0 0 0-4.9-2.5M12 19.2v.1M2.6 8.9a13.6 13.6 0 0 1 4.3-2.6M21.4 8.9A13.5 13.5 0 0 0 10.8 5.5"/>`,
  output: svg`<rect x="3.5" y="4.5" width="17" height="15" rx="3"/><path d="m5 17 5-4 3 2.4 3-2.9 4 3.8"/>`,
  pin: svg`<path d="M9 4h6l-.8 6 3.3 3.5H6.5L9.8 10zM12 13.5V20"/>`,
  play: svg`<path d="M8 5.5v13l10.5-6.5z"/>`,
  previous: svg`<path d="m15 5-7 7 7 7"/>`,
  puzzle: svg`<path d="M5 8h4a2 2 0 1 1 4 0h4v4a2 2 0 1 1 0 4v4H5z"/>`,
  queue: svg`<path d="M4 6h16M4 12h16M4 18h9"/>`,
  redo: svg`<path d="m15 5 4.5 4.5L15 14M19 9.5H10a5 5 0 0 0 0 10h3"/>`,
  refresh: svg`<path d="M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 4v4.2h-4.2"/>`,
  save: svg`<path d="M5 4h11l3 3v13H5zM8 4v5h7V4M8 20v-6h8v6"/>`,
  search: svg`<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4 4"/>`,
  setting: svg`<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>`,
  shield: svg`<path d="M12 3.5 5 6v5.5c0 4.3 2.9 7.4 7 9 4.1-1.6 7-4.7 7-9V6zM9 12l2.2 2.2L15.2 10"/>`,
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
