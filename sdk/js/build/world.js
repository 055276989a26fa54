// The brick's own narrow world: media and what brick.toml names in `uses`, and nothing else. A component made from
// JavaScript imports its whole world, so the world must be no wider than what the brick asks for.

import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { BuildError } from "./error.js";

/** The world's name. */
export const WORLD = "component";

/** What every brick may import without asking. */
const FREE = ["qpyt:media/image", "qpyt:media/tensor"];

/** What every brick exports. */
const EXPORTED = ["describe", "run"];

/** The studio's contract, beside the kits. */
const CONTRACT = resolve(import.meta.dirname, "../../../wit");

/**
 * Writes the contract and the world into `work`; `exported` are optional interfaces of `qpyt:brick`.
 * Gives the imported interfaces with their versions.
 */
export async function writeWorld(work, uses, { exported = [], contract = CONTRACT } = {}) {
  const known = await readContract(contract);
  const versioned = (name) => `${name}@${known.get(name)}`;
  const asked = [...new Set([...FREE, ...uses])];
  const unknown = asked.find((name) => !known.has(name));
  if (unknown !== undefined) {
    const offered = [...known.keys()].filter((name) => !FREE.includes(name) && !name.startsWith("qpyt:brick/"));
    throw new BuildError(`brick.toml uses \`${unknown}\`, which is not there; there are ${offered.join(", ")}`);
  }
  const imports = asked.map(versioned);
  const exports = [...EXPORTED, ...exported].map((name) => versioned(`qpyt:brick/${name}`));
  const lines = [...imports.map((name) => `import ${name};`), ...exports.map((name) => `export ${name};`)];
  await writeFile(join(work, "world.wit"), `package qpyt:built;\n\nworld ${WORLD} {\n  ${lines.join("\n  ")}\n}\n`);
  await cp(contract, join(work, "deps"), { recursive: true, filter: (path) => !path.endsWith(".md") });
  return imports;
}

/** The interfaces of the contract that have functions, with the version of their package. */
export async function readContract(contract) {
  const known = new Map();
  for (const name of await folders(contract)) {
    for (const file of (await readdir(join(contract, name))).sort()) {
      const text = withoutComments(await readFile(join(contract, name, file), "utf8"));
      const [, path, version] = /^package ([a-z0-9:-]+)@([0-9.]+);/m.exec(text) ?? [];
      for (const [, interfaceName] of text.matchAll(/^interface ([a-z0-9-]+) \{/gm)) {
        if (interfaceName !== "types") known.set(`${path}/${interfaceName}`, version);
      }
    }
  }
  if (known.size === 0) throw new BuildError(`${contract} holds no contract; name the studio's wit folder by --wit`);
  return known;
}

async function folders(contract) {
  try {
    const entries = await readdir(contract, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
  } catch (error) {
    throw new BuildError(`The contract can't be read from ${contract} (${error.code}); name the studio's wit folder by --wit`);
  }
}

function withoutComments(text) {
  return text.replace(/\/\/.*$/gm, "");
}
