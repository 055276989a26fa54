/** Axe finds nothing serious on any view in dark colours, wide and as narrow as a phone. */
import assert from "node:assert/strict";
import { violationsOnEveryView } from "../support/accessibility.mjs";
import { journey } from "../support/journey.mjs";

// Without animations nothing is looked at half faded in.
await journey(async (walk) => {
  assert.deepEqual(await violationsOnEveryView(walk), []);
}, { colorScheme: "dark", reducedMotion: "reduce", ownBricks: true });
