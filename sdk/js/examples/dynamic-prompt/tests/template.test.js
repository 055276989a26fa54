// What templates give, without a sandbox.

import assert from "node:assert/strict";
import { test } from "node:test";

import { random } from "../../../src/random.js";
import { readLists } from "../src/lists.js";
import { expand } from "../src/template.js";

const NO_LISTS = new Map();

const expanded = (template, seed = 1, lists = NO_LISTS) => expand(template, lists, random(seed), []);

/** How often each prompt comes in 2,000 seeds. */
function counted(template) {
  const counts = new Map();
  for (let seed = 0; seed < 2000; seed += 1) {
    const prompt = expanded(template, seed);
    counts.set(prompt, (counts.get(prompt) ?? 0) + 1);
  }
  return counts;
}

test("a text without braces stays as it is", () => {
  assert.equal(expanded("a fox, (soft:1.2) __init_ light"), "a fox, (soft:1.2) __init_ light");
});

test("one of several is taken, as often as its weight says", () => {
  const counts = counted("{3::red|blue}");
  assert.deepEqual([...counts.keys()].sort(), ["blue", "red"]);
  assert.ok(counts.get("red") > 1400 && counts.get("red") < 1600, String(counts.get("red")));
});

test("several different ones are taken and joined", () => {
  const counts = counted("{2$$ and $$a|b|c}");
  assert.deepEqual([...counts.keys()].sort(), ["a and b", "a and c", "b and a", "b and c", "c and a", "c and b"]);
  assert.deepEqual([...counted("{1-2$$a|b}").keys()].sort(), ["a", "a, b", "b", "b, a"]);
  assert.match(expanded("{9$$a|b}"), /^(a, b|b, a)$/);
});

test("braces may stand in braces, and entries of lists may hold templates", () => {
  assert.deepEqual([...counted("{a {b|c}|d}").keys()].sort(), ["a b", "a c", "d"]);
  const lists = readLists("# birds\nowl: {snowy|tawny} owl\n\npet: cat, __owl__");
  assert.deepEqual(lists.get("pet"), ["cat", "__owl__"]);
  const found = new Set(Array.from({ length: 50 }, (_, seed) => expanded("__pet__", seed, lists)));
  assert.deepEqual([...found].sort(), ["cat", "snowy owl", "tawny owl"]);
});

test("a backslash keeps what follows as it is", () => {
  assert.equal(expanded("\\{a\\|b\\}"), "{a|b}");
  assert.equal(expanded("{a\\|b}"), "a|b");
});

test("mistakes are named with their place", () => {
  for (const [template, hint] of [
    ["ab {c", "at character 4"],
    ["ab} c", "at character 3"],
    ["__bird__", 'no list "bird"'],
    ["{3-2$$a|b|c}", "smaller number first"],
  ]) {
    assert.throws(() => expanded(template), (error) => error.message.includes(hint), template);
  }
});

test("a list that names itself ends", () => {
  assert.throws(() => expanded("__a__", 1, readLists("a: __a__ __a__")), /again and again/);
});
