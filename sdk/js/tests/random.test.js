// Random numbers that follow from a seed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { random } from "../src/random.js";

const draw = (seed, count) => {
  const generator = random(seed);
  return Array.from({ length: count }, generator.number);
};

test("the same seed gives the same numbers, another seed others", () => {
  assert.deepEqual(draw(5, 20), draw(5n, 20));
  const first = new Set([0, 1, 2, 2 ** 32, 2n ** 63n].map((seed) => draw(seed, 1)[0]));
  assert.equal(first.size, 5);
});

test("numbers are spread evenly from 0 to 1", () => {
  const tenths = Array(10).fill(0);
  for (const number of draw(1, 10_000)) tenths[Math.floor(number * 10)] += 1;
  assert.ok(tenths.every((count) => count > 850 && count < 1150), String(tenths));
});

test("every entry of a list can be picked", () => {
  const generator = random(3);
  const picked = new Set(Array.from({ length: 100 }, () => generator.pick(["a", "b", "c"])));
  assert.deepEqual([...picked].sort(), ["a", "b", "c"]);
});
