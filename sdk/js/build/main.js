#!/usr/bin/env node
// `qpyt-build-js [FOLDER]`: makes a component of the brick in FOLDER (the current one if none is named) and writes it
// to `dist` beside its brick.toml.

import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";

import { BuildError } from "./error.js";

/** Set where the kit's packages were fetched already, so that it is tried once. */
const FETCHED = "QPYT_KIT_FETCHED";
const USAGE = "qpyt-build-js [FOLDER] [--out FOLDER] [--wit FOLDER]";

function options() {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { out: { type: "string" }, wit: { type: "string" } },
    });
    if (positionals.length > 1) throw new BuildError(`One folder at a time: ${USAGE}`);
    return { folder: positionals[0] ?? ".", ...values };
  } catch (error) {
    throw error instanceof BuildError ? error : new BuildError(`${error.message}\n${USAGE}`);
  }
}

/** Loads the build, or says that the kit's own packages are missing. */
async function loadBuild() {
  try {
    return (await import("./build.js")).build;
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    return undefined;
  }
}

/** Fetches the kit's own packages and starts again, because Node remembers what it did not find. Gives the status. */
function fetchAndStartAgain() {
  const kit = resolve(import.meta.dirname, "..");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const command = ["ci", "--prefix", kit, "--no-audit", "--no-fund"];
  console.error("Fetching the kit's own packages, once.");
  const fetched = spawnSync(npm, command, { cwd: kit, encoding: "utf8" });
  if (fetched.status !== 0 || process.env[FETCHED]) {
    const reason = fetched.error?.message ?? fetched.stderr.trim();
    throw new BuildError(`The kit's own packages are missing; install them with \`npm ci --prefix ${kit}\`\n${reason}`);
  }
  const env = { ...process.env, [FETCHED]: "1" };
  return spawnSync(process.execPath, process.argv.slice(1), { stdio: "inherit", env }).status ?? 1;
}

try {
  const build = await loadBuild();
  if (build === undefined) process.exit(fetchAndStartAgain());
  const { wasm, bytes, seconds } = await build(options());
  console.log(`${wasm}: ${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(1)} s`);
} catch (error) {
  console.error(error instanceof BuildError ? error.message : error);
  process.exitCode = 1;
}
