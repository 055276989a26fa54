/** What travels about installed bricks, their versions and their permissions. */
import type { components } from "./api.gen.js";
import type { Exactly } from "./exactly.js";
import type { JsonObject } from "./json.js";

type Schemas = components["schemas"];

export type Category = "input" | "generator" | "setting" | "output";
export type PortKind = "image" | "mask" | "text" | "number" | "boolean" | "json" | "tensor" | "any";

export type Port = Exactly<Schemas["PortView"], { kind: PortKind }>;
export type BrickInfo = Exactly<Schemas["BrickView"], { category: Category; inputs: Port[]; outputs: Port[]; params_schema: JsonObject }>;
/** One of the last good binaries of a place. */
export type Version = Schemas["VersionView"];
export type Metrics = Schemas["MetricsView"];
/** Something powerful that a brick wants. A folder has no scope: its parameter says which. */
export type Ask = Schemas["AskView"];

/** A model that is there and can't be used. */
export type Broken = Schemas["BrokenView"];
/** A binary that was not let in, and why. */
export type Refusal = Schemas["RefusedView"];
export type RefusalKind = Refusal["kind"];
export type BrickList = Exactly<Schemas["BrickList"], { bricks: BrickInfo[] }>;

/** Something happened to a place. Not kept: whoever missed it asks for the list. */
export type BricksEvent = Schemas["BrickChange"];

export type LogLine = Schemas["LogLineView"];
/** One use of a power. */
export type AuditCall = Schemas["CallView"];
export type Grant = Schemas["GrantView"];
export type Secret = Schemas["SecretView"];
export type Network = Schemas["NetworkView"];
