import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

test("every address that the app asks is in the OpenAPI document", () => {
  const { paths } = JSON.parse(readFileSync("openapi.json", "utf8")) as { paths: Record<string, unknown> };
  const known = Object.keys(paths);
  const client = readFileSync("src/net/client.ts", "utf8") + readFileSync("src/net/events.ts", "utf8");
  const asked = [...client.matchAll(/["`](\/api\/[^"`?]*)/g)].map(([, path = ""]) => path.replace(/\$\{encodeURIComponent\(\w+\)\}/g, "{}").replace(/\$\{.*$/, ""));
  assert.ok(asked.length > 15);
  for (const path of asked) assert.ok(known.some((entry) => entry.replace(/\{\w+\}/g, "{}") === path), path);
});
