/** Powers of bricks in plain words. */
import type { AuditCall } from "../net/types.js";
import { type Power, kindOf } from "../store/powers.js";
import { t } from "./text.js";

/** What the power lets a brick do, as the end of a sentence that begins with the brick. */
export function powerSentence({ kind, scope }: Power): string {
  if (kind === "host") return hostSentence(scope);
  return t(kind === "secret" ? "power.secret" : "power.folder", { scope });
}

function hostSentence(scope: string): string {
  const below = /^\*\.(.+)$/.exec(scope)?.[1];
  return below === undefined ? t("power.host", { scope }) : t("power.hosts", { scope: below });
}

/** The power by the name of its scope alone. */
export function powerName({ scope }: Power): string {
  return scope;
}

/** One use of a power, such as "Connected to api.example.org:443". */
export function callSentence({ import: capability, scope }: AuditCall): string {
  const kind = kindOf({ import: capability });
  return t(`call.${kind}`, { scope });
}
