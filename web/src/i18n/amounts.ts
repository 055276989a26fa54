/** Amounts as a person reads them. */
import { t } from "./text.js";

const count = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const STEP = 1024;

/** 1,234 as "1.2K". */
export function counted(value: number): string {
  return count.format(value);
}

/** Bytes with the largest unit that leaves at least one before the point. */
export function bytes(value: number): string {
  const power = value < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log(value) / Math.log(STEP)));
  const scaled = value / STEP ** power;
  return t("amount.unit", { value: scaled < 10 && power > 0 ? scaled.toFixed(1) : Math.round(scaled), unit: UNITS[power] ?? "" });
}

/** Milliseconds as milliseconds, seconds, minutes or hours. */
export function milliseconds(value: number): string {
  if (value < 1 && value > 0) return t("amount.short");
  if (value < 1000) return t("amount.unit", { value: Math.round(value), unit: "ms" });
  const seconds = value / 1000;
  if (seconds < 60) return t("time.seconds", { seconds: seconds < 10 ? seconds.toFixed(1) : Math.round(seconds) });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t("time.minutes", { minutes, seconds: Math.floor(seconds % 60) });
  return t("time.hours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/** The beginning of a digest, enough to tell two apart: `blake3:0123…` as `01234567`. */
export function shortDigest(digest: string): string {
  return digest.replace(/^[a-z0-9]+:/, "").slice(0, 8);
}
