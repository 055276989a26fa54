/** What bricks may do beyond computing: what they ask for, and what was allowed. */
import { fields, valueOf } from "../forms/schema.js";
import type { BrickInfo, Grant } from "../net/types.js";
import { infoFor, newest } from "./catalog.js";
import type { State } from "./state.js";

export const FILES = "qpyt:store/files";
export const HTTP = "qpyt:store/http";
export const SECRETS = "qpyt:store/secrets";

/** A power with its scope: a host with its port, a folder, or a secret by name. */
export interface Power {
  import: string;
  kind: "host" | "secret" | "folder";
  scope: string;
}

/** Whether `folder` is `scope` or lies in it. */
export function within(folder: string, scope: string): boolean {
  const plain = (path: string): string => path.replace(/\/+$/, "");
  return plain(folder) === plain(scope) || plain(folder).startsWith(`${plain(scope)}/`);
}

/** Whether a brick may write into a folder. */
export function mayWrite(state: State, brick: string, folder: string): boolean {
  const info = newest(state.catalog, brick);
  return info !== undefined && info.granted.some((scope) => within(folder, scope));
}

/** What a brick wants and was not allowed: what its manifest names, and the folders that the document gives it. */
export function wishes(state: State, brick: string): Power[] {
  const info = newest(state.catalog, brick);
  if (!info) return [];
  const named = info.asks.flatMap((ask): Power[] =>
    ask.granted || !ask.scope ? [] : [{ import: ask.import, kind: ask.kind, scope: ask.scope }],
  );
  const folders = info.uses.includes(FILES) ? foldersOf(state, brick).filter((folder) => !mayWrite(state, brick, folder)) : [];
  return [...named, ...folders.map((scope): Power => ({ import: FILES, kind: "folder", scope }))];
}

/** The folders that the document's instances of a brick name. */
function foldersOf(state: State, brick: string): string[] {
  const instances = state.document.bricks.filter((instance) => instance.brick === brick);
  const named = instances.flatMap((instance) => {
    const info = infoFor(state.catalog, state.document.lock, instance);
    const places = info ? fields(info.params_schema).filter((field) => field.widget === "folder") : [];
    return places.map((field) => valueOf(instance.params, field));
  });
  return [...new Set(named.filter((folder): folder is string => typeof folder === "string" && folder !== ""))];
}

/** The wishes that a manifest names, which are put to the person when the brick is added. */
export function asksAtOnce(info: BrickInfo): boolean {
  return info.asks.some((ask) => !ask.granted && Boolean(ask.scope));
}

/** What one version of a brick was allowed, oldest first. */
export function grantsOf(grants: readonly Grant[], info: BrickInfo): Grant[] {
  return grants.filter((grant) => grant.brick === info.id && grant.digest === info.digest);
}

/** One power as the page of bricks lists it. */
export interface PowerRow {
  power: Power;
  granted: boolean;
  /** The permission itself, where the server lists it. */
  grant: Grant | undefined;
}

/** All that a brick asks for and all that it was allowed, each once. */
export function powerRows(info: BrickInfo, grants: readonly Grant[]): PowerRow[] {
  const own = grantsOf(grants, info);
  const asked = info.asks.flatMap((ask): PowerRow[] => {
    if (!ask.scope) return [];
    const grant = own.find((one) => one.import === ask.import && one.scope === ask.scope);
    return [{ power: { import: ask.import, kind: ask.kind, scope: ask.scope }, granted: ask.granted, grant }];
  });
  const listed = new Set(asked.map((row) => row.grant?.id));
  const others = own.filter((grant) => !listed.has(grant.id));
  return [...asked, ...others.map((grant) => ({ power: { import: grant.import, kind: kindOf(grant), scope: grant.scope }, granted: true, grant }))];
}

/** A brick that writes into folders, which are allowed one by one. */
export function wantsFolders(info: BrickInfo): boolean {
  return info.asks.some((ask) => ask.kind === "folder");
}

/** The secrets that installed bricks ask for and that are not stored, by name. */
export function wantedSecrets({ catalog, secrets }: State): string[] {
  const stored = new Set(secrets.map((secret) => secret.name));
  const asked = [...catalog.values()].flat().flatMap((info) => info.asks.filter((ask) => ask.kind === "secret").map((ask) => ask.scope ?? ""));
  return [...new Set(asked)].filter((name) => name !== "" && !stored.has(name)).sort();
}

export function kindOf(grant: Pick<Grant, "import">): Power["kind"] {
  if (grant.import === HTTP) return "host";
  return grant.import === SECRETS ? "secret" : "folder";
}
