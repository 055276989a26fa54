/** Bundles each `test/*.test.ts` and runs them with Node's own test runner; arguments are passed on to it. */
import { spawn } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = `${here}node_modules/.cache/qpyt-tests`;
const tests = (await readdir(`${here}test`)).filter((name) => name.endsWith(".test.ts"));

await rm(out, { recursive: true, force: true });
await build({
  absWorkingDir: here,
  entryPoints: tests.map((name) => `test/${name}`),
  outdir: out,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  sourcemap: "inline",
  logLevel: "warning",
});
const built = tests.map((name) => `${out}/${name.replace(/\.ts$/, ".js")}`);
const runner = spawn(process.execPath, ["--enable-source-maps", "--test", ...process.argv.slice(2), ...built], {
  stdio: "inherit",
  cwd: here,
});
runner.on("exit", (code) => process.exit(code ?? 1));
