/** Who made a brick, in words. */
import type { BrickInfo } from "../net/types.js";
import { t } from "./text.js";

export function publisherText({ publisher, signed_by: key }: Pick<BrickInfo, "publisher" | "signed_by">): string {
  if (!publisher) return t("publisher.none");
  return t(key ? "publisher.signed" : "publisher.unsigned", { publisher });
}
