import assert from "node:assert/strict";
import { test } from "node:test";
import { LEAST_DIAMETER, MOST_DIAMETER, brushFor, resized } from "../src/mask-editor/brush.js";
import { MaskEdits } from "../src/mask-editor/mask-edits.js";
import { Mask } from "../src/mask-editor/mask.js";

/** The mask as one text per row: `#` is painted over. */
function rows(mask: Mask): string[] {
  return Array.from({ length: mask.height }, (_, y) => [...mask.cells.subarray(y * mask.width, (y + 1) * mask.width)].map((cell) => (cell === 1 ? "#" : ".")).join(""));
}

test("a dab is round, hard, and clipped at the edges", () => {
  const mask = new Mask(7, 5);
  mask.stroke({ x: 3.5, y: 2.5 }, { x: 3.5, y: 2.5 }, 3, true);
  assert.deepEqual(rows(mask), [".......", "..###..", "..###..", "..###..", "......."]);
  const corner = new Mask(7, 5);
  assert.deepEqual(corner.stroke({ x: 0, y: 0 }, { x: 0, y: 0 }, 4, true), { x: 0, y: 0, width: 2, height: 2 });
  assert.equal(corner.painted, 3, "the corner's diagonal neighbour lies farther than the radius");
  assert.equal(corner.stroke({ x: -9, y: -9 }, { x: -9, y: -9 }, 4, true), undefined);
});

test("a fast stroke leaves no gaps, and the smallest brush always marks", () => {
  const mask = new Mask(40, 6);
  mask.stroke({ x: 2, y: 3 }, { x: 38, y: 3 }, 2, true);
  assert.match(rows(mask)[2]!, /^\.#+\.$/);
  for (let step = 0; step < 100; step += 1) {
    const dab = new Mask(4, 4);
    const at = { x: 1 + (step % 10) / 5, y: 1 + Math.floor(step / 10) / 5 };
    dab.stroke(at, at, LEAST_DIAMETER, true);
    assert.ok(dab.painted > 0, JSON.stringify(at));
  }
});

test("the count of painted cells follows every change", () => {
  const mask = new Mask(10, 10, (cell) => cell < 25);
  assert.equal(mask.painted, 25);
  mask.invert();
  assert.equal(mask.painted, 75);
  mask.stroke({ x: 5, y: 5 }, { x: 5, y: 5 }, 40, false);
  assert.equal(mask.painted, 0);
  mask.fill(true);
  assert.equal(mask.painted, 100);
});

test("pixels of an area are those of its cells", () => {
  const mask = new Mask(3, 2, (cell) => cell === 4);
  assert.deepEqual([...mask.pixels({ x: 1, y: 0, width: 1, height: 2 }, [9, 8, 7, 6], [0, 0, 0, 0])], [0, 0, 0, 0, 9, 8, 7, 6]);
});

test("a stroke is one step, whatever it crossed, and can be done again", () => {
  const edits = new MaskEdits(new Mask(20, 20));
  edits.begin({ x: 5, y: 5 }, 4, true);
  edits.draw({ x: 15, y: 5 });
  edits.draw({ x: 5, y: 5 });
  assert.ok(edits.isDrawing);
  edits.end();
  const drawn = rows(edits.mask);
  edits.begin({ x: 10, y: 5 }, 6, false);
  edits.end();
  const erased = rows(edits.mask);
  assert.notDeepEqual(erased, drawn);
  edits.undo();
  assert.deepEqual(rows(edits.mask), drawn);
  edits.undo();
  assert.equal(edits.mask.painted, 0);
  assert.deepEqual([edits.canUndo, edits.isChanged, edits.undo()], [false, false, undefined]);
  edits.redo();
  edits.redo();
  assert.deepEqual(rows(edits.mask), erased);
  assert.equal(edits.redo(), undefined);
});

test("clearing and inverting are steps, and a new step ends the way forward", () => {
  const edits = new MaskEdits(new Mask(6, 6, (cell) => cell === 7));
  edits.invert();
  edits.clear();
  assert.equal(edits.mask.painted, 0);
  edits.undo();
  edits.undo();
  assert.equal(edits.mask.painted, 1);
  edits.clear();
  assert.equal(edits.canRedo, false);
});

test("what changes nothing is no step, and a stroke that was not meant leaves nothing", () => {
  const edits = new MaskEdits(new Mask(6, 6));
  edits.clear();
  edits.begin({ x: -50, y: 3 }, 4, true);
  edits.end();
  edits.begin({ x: 3, y: 3 }, 4, true);
  edits.cancel();
  assert.deepEqual([edits.canUndo, edits.mask.painted, edits.isDrawing], [false, 0, false]);
});

test("old steps are forgotten when they hold too much, and closing still asks", () => {
  const edits = new MaskEdits(new Mask(10, 10), 250);
  edits.invert();
  edits.invert();
  edits.invert();
  assert.equal(edits.mask.painted, 100);
  edits.undo();
  edits.undo();
  assert.equal(edits.mask.painted, 100);
  assert.deepEqual([edits.canUndo, edits.isChanged], [false, true]);
});

test("the brush suits the picture and stays within its bounds", () => {
  assert.equal(brushFor({ width: 64, height: 48 }).diameter, 5);
  assert.equal(brushFor({ width: 1200, height: 600 }).diameter, 100);
  const brush = { tool: "erase" as const, diameter: 2 };
  assert.deepEqual(resized(brush, 1), { tool: "erase", diameter: 3 });
  assert.equal(resized(brush, -3).diameter, LEAST_DIAMETER);
  assert.equal(resized({ ...brush, diameter: 500 }, 4).diameter, MOST_DIAMETER);
  assert.equal(resized({ ...brush, diameter: 100 }, -1).diameter, 83);
});
