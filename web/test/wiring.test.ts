import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Link } from "../src/net/types.js";
import { type WiringBrick, splitEnd, wire } from "../src/ports/wiring.js";

interface Case {
  name: string;
  bricks: WiringBrick[];
  links: Link[];
}

const cases = JSON.parse(readFileSync("../tests/wiring-cases.json", "utf8")) as Case[];

test("there are shared cases", () => assert.ok(cases.length >= 10));

for (const { name, bricks, links } of cases) {
  test(`wiring: ${name}`, () => assert.deepEqual(wire(bricks), links));
}

test("an end of a link names its brick and its port", () => {
  assert.deepEqual(splitEnd("image-out-2.image"), { brick: "image-out-2", port: "image" });
});
