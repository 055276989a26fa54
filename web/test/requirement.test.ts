import assert from "node:assert/strict";
import { test } from "node:test";
import { accepts, byAge, canonical } from "../src/ports/requirement.js";

test("a requirement accepts what Cargo's rules accept", () => {
  const cases: [string, string[], string[]][] = [
    ["*", ["0.0.1", "7.2.3"], ["1.0.0-beta"]],
    ["^0.1", ["0.1.0", "0.1.9"], ["0.2.0", "0.0.9", "1.1.0"]],
    ["0.1", ["0.1.3"], ["0.2.0"]],
    ["^1.2", ["1.2.0", "1.9.0"], ["1.1.9", "2.0.0"]],
    ["^0", ["0.0.1", "0.9.0"], ["1.0.0"]],
    ["^0.0.3", ["0.0.3"], ["0.0.4"]],
    ["~1.2", ["1.2.0", "1.2.9"], ["1.3.0"]],
    ["~1", ["1.9.9"], ["2.0.0"]],
    ["=1.2.3", ["1.2.3"], ["1.2.4"]],
    ["1.2.*", ["1.2.7"], ["1.3.0"]],
    [">=1.2, <2", ["1.2.0", "1.99.0"], ["2.0.0", "1.1.0"]],
    [">1.2", ["1.3.0"], ["1.2.9"]],
    ["<=1.2", ["1.2.9"], ["1.3.0"]],
    ["^1.0.0-beta.2", ["1.0.0-beta.2", "1.0.0-beta.11", "1.4.0"], ["1.0.0-beta.1", "1.1.0-beta.3"]],
    ["anything", [], ["1.0.0"]],
  ];
  for (const [requirement, yes, no] of cases) {
    for (const version of yes) assert.ok(accepts(requirement, version), `${requirement} accepts ${version}`);
    for (const version of no) assert.ok(!accepts(requirement, version), `${requirement} does not accept ${version}`);
  }
});

test("a requirement is written as the lock of a document names it", () => {
  const cases = { "": "*", "*": "*", "0.1": "^0.1", "^ 0.1": "^0.1", ">=1.2,<2": ">=1.2, <2", "1.x": "1.*", "~1.2": "~1.2", nonsense: "nonsense" };
  for (const [given, written] of Object.entries(cases)) assert.equal(canonical(given), written);
});

test("versions stand in the order of their age", () => {
  const old = ["nonsense", "0.9.0", "1.0.0-alpha.2", "1.0.0-alpha.11", "1.0.0-beta", "1.0.0", "1.0.10"];
  assert.deepEqual([...old].reverse().sort(byAge), old);
});
