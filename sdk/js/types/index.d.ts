// Types of the author API. A brick's own types follow from its definition: an editor knows `params.marks` and
// `inputs.prompt` without a word more.

import type { Host, Image, Tensor, Value } from "./host.js";

export type * from "./host.js";

/** The four families of bricks; each has a colour. */
export type Category = "input" | "generator" | "setting" | "output";

/** What flows through a port. */
export type PortKind = "image" | "mask" | "text" | "number" | "boolean" | "json" | "tensor" | "any";

/** One input or output. Its name is the key, with `-` between words: `negativePrompt` is the port `negative-prompt`. */
export interface Port {
  readonly kind: PortKind;
  /** One sentence for the person. */
  readonly doc: string;
  /** What the person reads; the name in words if there is none. */
  readonly label?: string;
  /** It may be missing. */
  readonly optional?: boolean;
  /** It takes any number of values in order, as an array. */
  readonly many?: boolean;
  /** With `many`: at least one. */
  readonly required?: boolean;
}

/** A value that the person may choose. */
export type Choice<T> = T | readonly [value: T, label: string] | { readonly value: T; readonly label: string; readonly group?: string };

interface Common {
  /** Stands beside the field of the form. */
  readonly doc?: string;
  /** What the person reads; the name in words if there is none. */
  readonly title?: string;
  /** May be left empty; the value is `null` then. */
  readonly optional?: boolean;
  /** An editor other than the one that follows from the type. */
  readonly widget?: "text" | "prompt" | "model" | "seed" | "size" | "styles" | "image" | "mask" | "colour" | "folder";
  /** Further hints for the form, such as `"x-model-family"`. */
  readonly [hint: `x-${string}`]: unknown;
}

/** A parameter: a field of the brick's form. The host checks values against it before each run. */
export type Param =
  | (Common & { readonly type: "string"; readonly default?: string; readonly choices?: readonly Choice<string>[] })
  | (Common & { readonly type: "boolean"; readonly default?: boolean })
  | (Common & {
      readonly type: "integer" | "number";
      readonly default?: number | null;
      readonly min?: number;
      readonly max?: number;
      /** How far one press of an arrow key goes. Values in between are allowed. */
      readonly step?: number;
      /** Only multiples of this are allowed. */
      readonly multipleOf?: number;
    })
  | (Common & {
      readonly type: "array";
      /** What the list holds; texts if nothing is said. */
      readonly items?: "string" | "boolean" | "integer" | "number";
      readonly default?: readonly (string | number | boolean)[];
      readonly maxItems?: number;
      readonly choices?: readonly Choice<string>[];
    });

type Chosen<C> = C extends readonly [infer T, string] ? T : C extends { readonly value: infer T } ? T : C;
type Plain = { string: string; boolean: boolean; integer: number; number: number };
type OrNull<P, T> = P extends { readonly optional: true } ? T | null : T;
type Item<P> = P extends { readonly choices: readonly (infer C)[] }
  ? Chosen<C>
  : P extends { readonly items: infer I extends keyof Plain }
    ? Plain[I]
    : string;
type Bare<P> = P extends { readonly type: "array" }
  ? Item<P>[]
  : P extends { readonly choices: readonly (infer C)[] }
    ? Chosen<C>
    : P extends { readonly type: infer T extends keyof Plain }
      ? Plain[T]
      : never;

/** The values of parameters: what `run` gets. */
export type ParamValues<P> = { -readonly [K in keyof P]: OrNull<P[K], Bare<P[K]>> };

/** What a value of a kind is in JavaScript. */
export interface KindValues {
  image: Image;
  mask: Image;
  text: string;
  number: number;
  boolean: boolean;
  /** Parsed when it comes in, written when it goes out. */
  json: any;
  tensor: Tensor;
  any: Value;
}

type Carried<P> = P extends { readonly kind: infer K extends PortKind } ? KindValues[K] : never;

/** The values of inputs: what `run` gets. */
export type InputValues<P> = {
  -readonly [K in keyof P]: P[K] extends { readonly many: true }
    ? Carried<P[K]>[]
    : P[K] extends { readonly optional: true }
      ? Carried<P[K]> | undefined
      : Carried<P[K]>;
};

type MayBeMissing<P> = {
  [K in keyof P]: P[K] extends { readonly optional: true } ? K : P[K] extends { readonly required: true } ? never : P[K] extends { readonly many: true } ? K : never;
}[keyof P];
type Given<P> = P extends { readonly many: true } ? readonly Carried<P>[] : Carried<P>;

/** The values of outputs: what `run` returns. */
export type OutputValues<P> = { [K in Exclude<keyof P, MayBeMissing<P>>]: Given<P[K]> } & {
  [K in MayBeMissing<P>]?: Given<P[K]> | null;
};

/** What `run` gets. */
export interface Run<P, I> {
  readonly params: ParamValues<P>;
  readonly inputs: InputValues<I>;
  /** What the studio does for a brick. All but `media` is asked for in `uses` of brick.toml. */
  readonly host: Host;
  /** What the brick remembers, if its definition says `remembers: true`. */
  readonly memory: Memory;
}

/** What a brick remembers from run to run, across versions: any JSON value, at most 1 MiB. */
export interface Memory {
  /** What was kept; undefined if nothing was. What is here after a good run is kept, undefined forgets it. */
  value: any;
  /** The version of the brick that kept it. */
  readonly version: string | undefined;
}

/** What a brick is. */
export interface Definition<P, I, O> {
  /** `namespace:name`, lower-case words joined by `-`. It names the brick in documents for ever. */
  readonly id: string;
  /** Semantic version; that of package.json if there is none. */
  readonly version?: string;
  /** What stands on the brick. */
  readonly label: string;
  readonly category: Category;
  /** One or two sentences for the person. */
  readonly doc: string;
  /** The form, in its order. */
  readonly params?: P;
  readonly inputs?: I;
  readonly outputs?: O;
  /** It remembers: `memory` is there in its run. Such a brick is never answered from the cache and runs one at a time. */
  readonly remembers?: boolean;
  /** Carries parameters that a document has from another version over to this one. Throw to say what to do by hand. */
  migrate?(from: { readonly fromVersion: string; readonly params: Record<string, any> }): Record<string, any>;
  /** Does the work. Each run happens in a fresh sandbox: nothing stays from one to the next. */
  run(run: Run<P, I>): OutputValues<O> | Promise<OutputValues<O>>;
}

/** Says what a brick is. The module exports it as its default, or an array of several. */
export function defineBrick<
  const P extends Readonly<Record<string, Param>> = {},
  const I extends Readonly<Record<string, Port>> = {},
  const O extends Readonly<Record<string, Port>> = {},
>(definition: Definition<P, I, O>): Definition<P, I, O>;

/** Why a run failed; throw it. The case tells the studio where to show the message. */
export class BrickError extends Error {
  private constructor();
  /** An input that can't be used: its port, what is wrong and what to do. */
  static badInput(port: string, problem: string): BrickError;
  /** A parameter that can't be used: its name, what is wrong and what to do. */
  static badParam(param: string, problem: string): BrickError;
  /** The person stopped the job. */
  static cancelled(): BrickError;
  /** The host could not do what was asked; its message, passed on. */
  static host(message: string): BrickError;
  /** Any other failure: what is wrong and what to do. */
  static other(problem: string): BrickError;
}

/** Draws random numbers. */
export interface Random {
  /** At least 0, less than 1. */
  number(): number;
  /** A whole number, at least 0, less than `count`. */
  below(count: number): number;
  /** One of a list. */
  pick<T>(list: readonly T[]): T;
}

/** A generator of random numbers: the same seed gives the same numbers. */
export function random(seed: number | bigint): Random;
