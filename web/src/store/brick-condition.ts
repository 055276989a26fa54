/** How a brick does, in one word, and how many need the person. */
import type { BrickInfo, Refusal } from "../net/types.js";
import type { State } from "./state.js";

export type Condition = "good" | "asks" | "refused" | "stopped";

/** The gravest thing there is to say of a brick. */
export function condition(info: BrickInfo, refused: readonly Refusal[]): Condition {
  if (info.health === "quarantined") return "stopped";
  if (refused.some((refusal) => refusal.place_id === info.place_id)) return "refused";
  return info.asks.some((ask) => !ask.granted && Boolean(ask.scope)) ? "asks" : "good";
}

/** How many bricks are stopped or were refused. */
export function troubled({ catalog, refused }: State): number {
  const ill = [...catalog.values()].flat().filter((info) => info.health === "quarantined").map((info) => info.place_id);
  return new Set([...ill, ...refused.map((refusal) => refusal.place_id)]).size;
}
