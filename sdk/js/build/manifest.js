// What a brick's folder says: its brick.toml, and the version and main file of its package.json.

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { parse } from "smol-toml";

import { BuildError } from "./error.js";

/** `wasm` and `uses` of the brick.toml in `folder`, and its text. */
export async function readManifest(folder) {
  const path = join(folder, "brick.toml");
  const text = await read(path);
  const { wasm, uses = [] } = parsed(path, text, parse).brick ?? {};
  if (typeof wasm !== "string" || !/^[^/\\]+\.wasm$/.test(wasm)) {
    throw new BuildError(`${path}: write the component's file name, such as wasm = "name.wasm", below [brick]`);
  }
  if (!Array.isArray(uses) || uses.some((name) => typeof name !== "string")) {
    throw new BuildError(`${path}: \`uses\` is a list of interfaces, such as ["qpyt:job/context"]`);
  }
  return { wasm, uses, text };
}

/** The main file and the version in the package.json in `folder`. */
export async function readPackage(folder) {
  const path = join(folder, "package.json");
  const { main = "src/brick.js", version } = parsed(path, await read(path), JSON.parse);
  return { entry: resolve(folder, main), version };
}

async function read(path) {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new BuildError(`${path} can't be read: ${error.code}`);
  }
}

function parsed(path, text, parser) {
  try {
    return parser(text);
  } catch (error) {
    throw new BuildError(`${path}: ${error.message}`);
  }
}
