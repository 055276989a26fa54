/** Moments and durations as a person reads them. */
import { t } from "./text.js";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** The time of day for today, with the date for other days. */
export function moment(rfc3339: string, now = new Date()): string {
  const date = new Date(rfc3339);
  if (Number.isNaN(date.getTime())) return "";
  return date.toDateString() === now.toDateString() ? clock.format(date) : day.format(date);
}

/** The time of day to the second. */
export function clockTime(rfc3339: string): string {
  const date = new Date(rfc3339);
  return Number.isNaN(date.getTime()) ? "" : seconds.format(date);
}

/** How long from one moment to another, in seconds or minutes. */
export function duration(from: string, to: string): string {
  const seconds = (Date.parse(to) - Date.parse(from)) / 1000;
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return t("time.seconds", { seconds: seconds < 10 ? seconds.toFixed(1) : Math.round(seconds) });
  return t("time.minutes", { minutes: Math.floor(seconds / 60), seconds: Math.round(seconds % 60) });
}
