import assert from "node:assert/strict";
import { test } from "node:test";
import { type GestureTarget, Gestures } from "../src/mask-editor/gestures.js";
import { actionOf } from "../src/mask-editor/keys.js";
import type { Point } from "../src/mask-editor/mask.js";
import { fitted, moved, toFrame, toPicture, zoomed } from "../src/mask-editor/viewport.js";

const picture = { width: 200, height: 100 };
const frame = { width: 424, height: 424 };

test("a fitted picture lies in the middle; a tiny one is not blown up without end", () => {
  assert.deepEqual(fitted(picture, frame), { zoom: 2, x: 12, y: 112 });
  assert.equal(fitted({ width: 8, height: 8 }, frame).zoom, 8);
});

test("zooming keeps what is under the pointer under the pointer", () => {
  const view = fitted(picture, frame);
  const at = { x: 100, y: 200 };
  const before = toPicture(view, at);
  const closer = zoomed(view, 3, at, picture, frame);
  assert.equal(closer.zoom, 6);
  assert.deepEqual(toPicture(closer, at), before);
  assert.deepEqual(toFrame(closer, before), at);
});

test("neither zoom nor moving loses the picture", () => {
  let view = fitted(picture, frame);
  for (let step = 0; step < 40; step += 1) view = zoomed(view, 2, { x: 0, y: 0 }, picture, frame);
  assert.equal(view.zoom, 32);
  for (let step = 0; step < 40; step += 1) view = zoomed(view, 0.5, { x: 0, y: 0 }, picture, frame);
  assert.equal(view.zoom, 0.24);
  for (const by of [-1e6, 1e6]) {
    const { x, y, zoom } = moved(fitted(picture, frame), { x: by, y: by }, picture, frame);
    assert.ok(x < frame.width && y < frame.height && x + picture.width * zoom > 0 && y + picture.height * zoom > 0, `${x} ${y}`);
  }
});

function watched(): { said: string[]; gestures: Gestures } {
  const said: string[] = [];
  const at = ({ x, y }: Point): string => `${x},${y}`;
  const target: GestureTarget = {
    begin: (point, erases) => said.push(`${erases ? "erase" : "begin"} ${at(point)}`),
    draw: (point) => said.push(`draw ${at(point)}`),
    end: () => said.push("end"),
    cancel: () => said.push("cancel"),
    pan: (by) => said.push(`pan ${at(by)}`),
    zoom: (factor, point) => said.push(`zoom ${factor} at ${at(point)}`),
  };
  return { said, gestures: new Gestures(target) };
}

const press = (id: number, x: number, y: number, more = {}) => ({ id, at: { x, y }, isTouch: false, pans: false, erases: false, ...more });

test("one pointer draws, others beside it are left alone", () => {
  const { said, gestures } = watched();
  gestures.down(press(1, 5, 5));
  gestures.down(press(2, 9, 9));
  gestures.move(2, { x: 10, y: 10 });
  gestures.move(1, { x: 6, y: 5 });
  gestures.up(1);
  gestures.move(1, { x: 7, y: 5 });
  gestures.down(press(3, 1, 1, { erases: true }));
  gestures.up(3, true);
  assert.deepEqual(said, ["begin 5,5", "draw 6,5", "end", "erase 1,1", "cancel"]);
});

test("a second finger takes back what the first began, then both move and zoom, and the last one moves on", () => {
  const { said, gestures } = watched();
  gestures.down(press(1, 0, 0, { isTouch: true }));
  gestures.down(press(2, 10, 0, { isTouch: true }));
  gestures.move(2, { x: 20, y: 0 });
  gestures.up(1);
  gestures.move(2, { x: 20, y: 3 });
  gestures.up(2);
  gestures.down(press(1, 0, 0, { isTouch: true }));
  assert.deepEqual(said, ["begin 0,0", "cancel", "pan 5,0", "zoom 2 at 10,0", "pan 0,3", "begin 0,0"]);
});

test("a press that pans draws nothing", () => {
  const { said, gestures } = watched();
  gestures.down(press(1, 0, 0, { pans: true }));
  gestures.move(1, { x: 4, y: 2 });
  gestures.up(1);
  assert.deepEqual(said, ["pan 4,2"]);
});

test("keys have their actions, and arrows lead the brush on the picture only", () => {
  const key = (name: string, more = {}) => ({ key: name, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });
  assert.deepEqual(actionOf(key("z", { ctrlKey: true }), false), { do: "undo" });
  assert.deepEqual(actionOf(key("Z", { metaKey: true, shiftKey: true }), false), { do: "redo" });
  assert.deepEqual(actionOf(key("["), false), { do: "resize", steps: -1 });
  assert.deepEqual(actionOf(key("E"), true), { do: "tool", tool: "erase" });
  assert.deepEqual(actionOf(key("ArrowUp", { shiftKey: true }), true), { do: "move", x: 0, y: -1, draws: true });
  assert.deepEqual([actionOf(key("ArrowUp"), false), actionOf(key("Enter"), false), actionOf(key("b", { altKey: true }), true)], [undefined, undefined, undefined]);
});
