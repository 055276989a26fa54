// One file of all that a brick imports: for the component with the host's interfaces, and for a look at what it says
// about itself without them.

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { build as esbuild } from "esbuild";

import { BuildError } from "./error.js";

const KIT = resolve(import.meta.dirname, "../src");

/** Bundles the component's source: the brick, the kit and the imports of its world. Gives the file's path. */
export async function bundle({ work, entry, version, interfaces, exported = [] }) {
  const imports = interfaces.map((name, index) => `import * as import${index} from ${quoted(name)};`);
  const modules = interfaces.map((name, index) => `${quoted(name.split("@")[0])}: import${index}`);
  const source = [
    ...imports,
    `import bricks from ${quoted(entry)};`,
    `import { component } from ${quoted(`${KIT}/brick.js`)};`,
    `export const { ${["describe", "run", ...exported].join(", ")} } = component(bricks, ${quoted(version)}, { ${modules.join(", ")} });`,
  ];
  return write(source, resolve(work, "component.js"), entry);
}

/** What is `found` wrong with the bricks in the file and which optional interfaces are `exported`, by loading it here. */
export async function inspect({ work, entry, version }) {
  const source = [
    `import bricks from ${quoted(entry)};`,
    `import { asList, optionalExports } from ${quoted(`${KIT}/brick.js`)};`,
    `import { problems } from ${quoted(`${KIT}/check.js`)};`,
    `export const found = asList(bricks).flatMap((brick) => problems(brick, ${quoted(version)}));`,
    "export const exported = optionalExports(bricks);",
  ];
  const path = await write(source, resolve(work, "inspect.mjs"), entry);
  try {
    return await import(pathToFileURL(path));
  } catch (error) {
    throw new BuildError(`${entry} can't be loaded: ${error.stack}`);
  }
}

async function write(lines, outfile, entry) {
  try {
    await esbuild({
      stdin: { contents: lines.join("\n"), resolveDir: resolve(entry, ".."), sourcefile: "component.js" },
      outfile,
      bundle: true,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      target: "es2022",
      external: ["qpyt:*"],
      logLevel: "silent",
      // One copy of the kit, wherever the brick's own package finds it.
      alias: { "@qpyt/brick": `${KIT}/index.js` },
    });
    return outfile;
  } catch (error) {
    throw new BuildError(error.errors?.map(described).join("\n") ?? error.message);
  }
}

function described({ text, location }) {
  if (location === null || location === undefined) return text;
  return `${location.file}:${location.line}:${location.column + 1}: ${text}\n    ${location.lineText}`;
}

function quoted(text) {
  return JSON.stringify(text ?? null);
}
