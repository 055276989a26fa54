/** Undo and redo: the commands that were done, each with its inverse. Plain data, so that it survives a reload. */
import type { WorkflowDocument } from "../net/types.js";
import { type Command, apply } from "./commands.js";

export interface Step {
  done: Command;
  inverse: Command;
  /** Milliseconds since the epoch of the last edit that went into this step. */
  at: number;
}

export interface History {
  readonly past: readonly Step[];
  readonly future: readonly Step[];
}

export interface Edited {
  document: WorkflowDocument;
  history: History;
}

export const NO_HISTORY: History = { past: [], future: [] };
export const MAX_STEPS = 500;
/** Edits of one field that follow each other within this time are one step. */
export const COALESCE_MS = 1000;

/** Does a command and remembers how to undo it. `undefined` when it changes nothing. */
export function perform(document: WorkflowDocument, history: History, command: Command, now: number): Edited | undefined {
  const applied = apply(document, command);
  if (!applied) return undefined;
  const last = history.past.at(-1);
  const step: Step = { done: command, inverse: applied.inverse, at: now };
  const joined = last && history.future.length === 0 && now - last.at <= COALESCE_MS ? join(last, step) : undefined;
  const past = joined ? [...history.past.slice(0, -1), joined] : [...history.past, step].slice(-MAX_STEPS);
  return { document: applied.document, history: { past, future: [] } };
}

export function undo(document: WorkflowDocument, history: History): Edited | undefined {
  const step = history.past.at(-1);
  if (!step) return undefined;
  return {
    document: outcome(document, step.inverse),
    history: { past: history.past.slice(0, -1), future: [...history.future, step] },
  };
}

export function redo(document: WorkflowDocument, history: History): Edited | undefined {
  const step = history.future.at(-1);
  if (!step) return undefined;
  // Time 0: what is typed after a redo is a step of its own.
  return {
    document: outcome(document, step.done),
    history: { past: [...history.past, { ...step, at: 0 }], future: history.future.slice(0, -1) },
  };
}

/** The document after a command, which may change nothing: a text typed and taken back within one step. */
function outcome(document: WorkflowDocument, command: Command): WorkflowDocument {
  return apply(document, command)?.document ?? document;
}

/** One step for two edits of the same field: the newer value, and the way back to the oldest. */
function join(last: Step, next: Step): Step | undefined {
  if (last.done.kind === "rename" && next.done.kind === "rename") return { ...next, inverse: last.inverse };
  if (last.done.kind === "set-params" && next.done.kind === "set-params") {
    const names = (command: typeof last.done): string => command.changes.map((change) => change.name).join();
    if (last.done.brick === next.done.brick && names(last.done) === names(next.done)) {
      return { ...next, inverse: last.inverse };
    }
  }
  return undefined;
}
