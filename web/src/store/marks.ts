/** What there is to say of an instance's brick: that it is older or newer than it should be, ill, refused, or waiting. */
import { t, type TextKey } from "../i18n/text.js";
import type { BrickInfo, BrickInstance, LockedBrick, RefusalKind } from "../net/types.js";
import { fits, infoFor, lockKey, pinnedTo } from "./catalog.js";
import { findBrick } from "./document.js";
import { wishes } from "./powers.js";
import { shownJob } from "./selectors.js";
import type { State } from "./state.js";

export type MarkKind = "quarantined" | "refused" | "too-new" | "pinned" | "stale" | "asks" | "leftover";

/** One line on a card, with one thing to do about it. Flat, so that two of them can be compared by their members. */
export interface Mark {
  kind: MarkKind;
  tone: "error" | "warning" | "info";
  text: string;
  /** The reason in full; may be empty. */
  more: string;
  /** What the button says; empty for none. */
  action: string;
}

const REFUSED: Record<RefusalKind, TextKey> = {
  build: "mark.refusedBuild",
  canary: "mark.refusedCanary",
  load: "mark.refusedLoad",
  publisher: "mark.refusedPublisher",
};

/** The marks of an instance, the gravest first. */
export function marks(state: State, id: string): Mark[] {
  const instance = findBrick(state.document, id);
  const info = instance && infoFor(state.catalog, state.document.lock, instance);
  if (!info) return [];
  return [
    quarantined(info),
    refused(state, info),
    tooNew(state, info, instance),
    pinned(state, info, instance),
    stale(state, info, instance),
    asks(state, info),
    leftover(state, info, instance),
  ].filter((mark) => mark !== undefined);
}

function quarantined({ health, health_reason: reason }: BrickInfo): Mark | undefined {
  if (health !== "quarantined") return undefined;
  return { kind: "quarantined", tone: "error", text: t("mark.quarantined"), more: reason ?? "", action: t("mark.tryAgain") };
}

function refused(state: State, info: BrickInfo): Mark | undefined {
  const refusal = state.refused.find((candidate) => candidate.place_id === info.place_id);
  if (!refusal) return undefined;
  const action = refusal.can_use_anyway ? t("mark.useAnyway") : t("mark.details");
  return { kind: "refused", tone: "warning", text: t(REFUSED[refusal.kind], { version: info.version }), more: firstLine(refusal.message), action };
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0] ?? "";
}

function tooNew(state: State, info: BrickInfo, instance: BrickInstance): Mark | undefined {
  if (fits(info, instance)) return undefined;
  const held = pinnedTo(info, state.document.lock, instance);
  const values = { version: info.version, requires: instance.requires ?? "", old: held?.version ?? "" };
  const text = held ? t("mark.heldBack", values) : t("mark.tooNew", values);
  return { kind: "too-new", tone: held ? "info" : "warning", text, more: "", action: t("mark.accept", values) };
}

function pinned(state: State, info: BrickInfo, instance: BrickInstance): Mark | undefined {
  const version = pinnedTo(info, state.document.lock, instance);
  if (!version || !fits(info, instance)) return undefined;
  const values = { old: version.version, version: info.version };
  const text = version.version === info.version ? t("mark.pinnedBuild", values) : t("mark.pinned", values);
  return { kind: "pinned", tone: "info", text, more: "", action: t("mark.useNewest") };
}

function stale(state: State, info: BrickInfo, instance: BrickInstance): Mark | undefined {
  const made = madeWith(state, instance);
  const inUse = pinnedTo(info, state.document.lock, instance) ?? info;
  if (!made || made.digest === inUse.digest) return undefined;
  const values = { old: made.version, version: inUse.version };
  const text = made.version === inUse.version ? t("mark.staleBuild", values) : t("mark.stale", values);
  return { kind: "stale", tone: "info", text, more: "", action: t("mark.runAgain") };
}

/** The binary that the outputs shown at an instance came from, as the document of their job says. */
export function madeWith(state: State, instance: BrickInstance): LockedBrick | undefined {
  const job = shownJob(state);
  const run = job?.bricks[instance.id];
  if (!job?.document || (run?.state !== "done" && run?.state !== "cached")) return undefined;
  const then = findBrick(job.document, instance.id);
  return then?.brick === instance.brick ? job.document.lock?.bricks?.[lockKey(then)] : undefined;
}

function asks(state: State, info: BrickInfo): Mark | undefined {
  const count = wishes(state, info.id).filter((power) => power.kind !== "folder").length;
  if (count === 0 || state.asking.includes(info.id)) return undefined;
  const text = count === 1 ? t("mark.asksOne") : t("mark.asksMany", { count });
  return { kind: "asks", tone: "info", text, more: "", action: t("mark.review") };
}

/** Parameters that the server says the version in use does not have. */
export function leftovers(state: State, info: BrickInfo, instance: BrickInstance): string[] {
  const known = (info.params_schema["properties"] ?? {}) as object;
  const faulty = state.problems.filter((problem) => problem.brick === instance.id).map((problem) => problem.name);
  return Object.keys(instance.params).filter((name) => !(name in known) && faulty.includes(name));
}

function leftover(state: State, info: BrickInfo, instance: BrickInstance): Mark | undefined {
  const names = leftovers(state, info, instance);
  if (names.length === 0) return undefined;
  const text = names.length === 1 ? t("mark.leftoverOne") : t("mark.leftoverMany", { count: names.length });
  return { kind: "leftover", tone: "warning", text, more: names.join(", "), action: t("mark.remove") };
}
