/** Writes `src/net/api.gen.ts` from the schemas in `openapi.json`, which `qpyt openapi` prints. `--check` only compares. */
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const target = new URL("src/net/api.gen.ts", import.meta.url);
const { openapi, info, components } = JSON.parse(await readFile(new URL("openapi.json", import.meta.url), "utf8"));
const types = astToString(await openapiTS({ openapi, info, paths: {}, components: { schemas: components.schemas } }));
const text = `/** Types of the HTTP API, written by \`npm run types\`. */\n${types}`;

if (!process.argv.includes("--check")) await writeFile(target, text);
else if ((await readFile(target, "utf8")) !== text) {
  console.error("src/net/api.gen.ts is older than openapi.json: run `npm run types`.");
  process.exitCode = 1;
}
