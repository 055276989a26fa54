// From a brick's folder to its component: manifest, narrow world, bundle, check, component.

import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { componentize } from "@bytecodealliance/componentize-js";

import { bundle, inspect } from "./bundle.js";
import { BuildError } from "./error.js";
import { readManifest, readPackage } from "./manifest.js";
import { writeWorld, WORLD } from "./world.js";

/** Parts of the engine that a brick has no use for; without them it does not ask for them. */
const WITHOUT = ["http", "fetch-event"];

/**
 * Builds the brick in `folder` into `out` (`dist` if none is named), against the contract in `wit`.
 * Gives the component's path and size, and how long it took.
 */
export async function build({ folder = ".", out, wit }) {
  const started = performance.now();
  const root = resolve(folder);
  const manifest = await readManifest(root);
  const { entry, version } = await readPackage(root);
  const work = await mkdtemp(join(tmpdir(), "qpyt-build-js-"));
  try {
    const { found, exported } = await inspect({ work, entry, version });
    complainAbout(found);
    const interfaces = await writeWorld(work, manifest.uses, { exported, contract: wit });
    const source = await bundle({ work, entry, version, interfaces, exported });
    const component = await makeComponent(source, work);
    const target = resolve(root, out ?? "dist");
    await mkdir(target, { recursive: true });
    const wasm = join(target, manifest.wasm);
    await replace(wasm, component);
    await replace(join(target, "brick.toml"), manifest.text);
    return { wasm, bytes: component.length, seconds: (performance.now() - started) / 1000 };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function complainAbout(problems) {
  if (problems.length === 0) return;
  throw new BuildError(["The brick does not describe itself well:", ...problems].join("\n  "));
}

async function makeComponent(sourcePath, witPath) {
  try {
    const { component } = await componentize({ sourcePath, witPath, worldName: WORLD, disableFeatures: WITHOUT });
    return component;
  } catch (error) {
    throw new BuildError(`The component can't be made: ${error.message}`);
  }
}

/** Whoever watches the folder sees the old file or the new one, never half of one. */
async function replace(path, content) {
  const half = `${path}.new`;
  await writeFile(half, content);
  await rename(half, path);
}
