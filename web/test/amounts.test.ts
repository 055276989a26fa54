import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, counted, milliseconds, shortDigest } from "../src/i18n/amounts.js";
import { publisherText } from "../src/i18n/bricks.js";
import { atLeast, levelOf } from "../src/i18n/log.js";

test("bytes have the unit that leaves few digits", () => {
  assert.deepEqual([0, 512, 1024, 1536, 65_536, 3_565_158, 5 * 1024 ** 4].map(bytes), ["0 B", "512 B", "1.0 KiB", "1.5 KiB", "64 KiB", "3.4 MiB", "5.0 TiB"]);
});

test("times are milliseconds, seconds, minutes or hours", () => {
  assert.deepEqual([0, 0.4, 12.4, 999, 1500, 42_000, 812_000, 7_260_000].map(milliseconds), ["0 ms", "under 1 ms", "12 ms", "999 ms", "1.5 s", "42 s", "13 min 32 s", "2 h 1 min"]);
});

test("large counts are shortened", () => {
  assert.deepEqual([0, 41, 1284, 2_000_000].map(counted), ["0", "41", "1.3K", "2M"]);
});

test("a digest is told by its beginning, without its kind", () => {
  assert.equal(shortDigest("blake3:0123456789abcdef"), "01234567");
});

test("a publisher is named with whether it signed", () => {
  assert.equal(publisherText({ publisher: "acme", signed_by: "ed25519:00" }), "acme, signed");
  assert.equal(publisherText({ publisher: "acme", signed_by: null }), "acme, not signed");
  assert.equal(publisherText({}), "Not named");
});

test("lines of a log are shown from a level on, whatever its spelling", () => {
  assert.deepEqual(["WARN", "warning", "Error", "notice"].map(levelOf), ["warn", "warn", "error", "info"]);
  assert.ok(atLeast({ level: "error" }, "warn"));
  assert.ok(!atLeast({ level: "info" }, "warn"));
});
