/** How grave a line of a log is. */
import type { LogLine } from "../net/types.js";

export const LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LEVELS)[number];

/** What is no known level counts as information. */
export function levelOf(text: string): LogLevel {
  const plain = text.toLowerCase();
  return LEVELS.find((level) => level === plain) ?? (plain === "warning" ? "warn" : "info");
}

export function atLeast(line: Pick<LogLine, "level">, lowest: LogLevel): boolean {
  return LEVELS.indexOf(levelOf(line.level)) >= LEVELS.indexOf(lowest);
}
