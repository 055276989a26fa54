/** What there is to say of a picture, in the order a person asks for it. */
import { t, type TextKey } from "../i18n/text.js";
import { asText } from "../net/json.js";
import type { JsonObject } from "../net/types.js";
import { seedOf } from "../store/selectors.js";
import type { Picture } from "../store/state.js";

const KNOWN: readonly [string, TextKey][] = [
  ["prompt", "fact.prompt"],
  ["negative", "fact.negative"],
  ["model", "fact.model"],
  ["steps", "fact.steps"],
  ["guidance", "fact.guidance"],
  ["sampler", "fact.sampler"],
  ["strength", "fact.strength"],
];

/** Pairs of label and value; what is unknown or empty is left out. */
export function facts(picture: Picture): [string, string][] {
  const { info, width, height } = picture;
  const known = KNOWN.flatMap(([key, label]): [string, string][] => {
    const text = written(info, key);
    return text === "" ? [] : [[t(label), text]];
  });
  const seed = seedOf(info);
  return [
    ...known,
    ...(seed === undefined ? [] : [[t("fact.seed"), asText(seed)] as [string, string]]),
    [t("fact.size"), t("fact.sizeValue", { width, height })],
  ];
}

function written(info: JsonObject, key: string): string {
  const value = info[key];
  return typeof value === "string" || typeof value === "number" ? asText(value) : "";
}
