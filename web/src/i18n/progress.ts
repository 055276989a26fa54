/** How far a brick is, in words. */
import type { BrickRun } from "../net/types.js";
import { t } from "./text.js";

/** The step where there are steps, with what the brick says of itself; else one of the two, or the part done. */
export function progressText(run: BrickRun | undefined): string {
  const { fraction, step, steps, note } = run ?? {};
  if (step && steps) return note ? t("progress.stepsOf", { note, step, steps }) : t("progress.steps", { step, steps });
  return note ? note : t("progress.percent", { percent: Math.round((fraction ?? 0) * 100) });
}
