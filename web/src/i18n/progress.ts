/** How far a brick is, in words. */
import type { BrickRun } from "../net/types.js";
import { t } from "./text.js";

/** The step where there are steps, else what the brick says of itself, else the part done. */
export function progressText(run: BrickRun | undefined): string {
  const { fraction, step, steps, note } = run ?? {};
  if (step && steps) return t("progress.steps", { step, steps });
  return note ? note : t("progress.percent", { percent: Math.round((fraction ?? 0) * 100) });
}
