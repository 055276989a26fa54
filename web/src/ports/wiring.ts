/** The rules by which a strip of bricks wires itself. The server follows the same rules; both are held to the same cases. */
import type { Link, PortKind } from "../net/types.js";

export interface WiringPort {
  name: string;
  kind: PortKind;
  required: boolean;
}

export interface WiringBrick {
  id: string;
  inputs: readonly WiringPort[];
  outputs: readonly { name: string; kind: PortKind }[];
}

/** Whether an output of kind `from` may feed an input of kind `to`. */
export function compatible(from: PortKind, to: PortKind): boolean {
  return from === to || from === "any" || to === "any" || (from === "mask" && to === "image");
}

/**
 * The links of a strip. Each input takes the nearest output to its left that has its name and fits its kind;
 * a required input without one takes the nearest output of the very same kind.
 */
export function wire(bricks: readonly WiringBrick[]): Link[] {
  return bricks.flatMap((brick, index) => {
    const nearestFirst = bricks.slice(0, index).reverse();
    return brick.inputs.flatMap((input) => {
      const from = namesake(nearestFirst, input) ?? (input.required ? ofKind(nearestFirst, input.kind) : undefined);
      return from === undefined ? [] : [{ from, to: `${brick.id}.${input.name}` }];
    });
  });
}

function namesake(bricks: readonly WiringBrick[], input: WiringPort): string | undefined {
  for (const brick of bricks) {
    if (brick.outputs.some((output) => output.name === input.name && compatible(output.kind, input.kind))) {
      return `${brick.id}.${input.name}`;
    }
  }
  return undefined;
}

function ofKind(bricks: readonly WiringBrick[], kind: PortKind): string | undefined {
  for (const brick of bricks) {
    const output = brick.outputs.find((candidate) => candidate.kind === kind);
    if (output) return `${brick.id}.${output.name}`;
  }
  return undefined;
}

/** The instance and port of `<instance>.<port>`. */
export function splitEnd(end: string): { brick: string; port: string } {
  const dot = end.indexOf(".");
  return dot < 0 ? { brick: end, port: "" } : { brick: end.slice(0, dot), port: end.slice(dot + 1) };
}
