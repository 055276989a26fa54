import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReactiveController, ReactiveControllerHost } from "lit";
import { SvgUrls } from "../src/elements/svg-urls.js";
import type { ValueSummary } from "../src/net/types.js";
import { drawingsOf, isDrawing } from "../src/store/drawings.js";
import { card } from "../src/store/selectors.js";
import { Store } from "../src/store/state.js";
import { catalogOf } from "../src/store/catalog.js";
import { firstPicture, infos, job } from "./fixtures.js";

const SQUARE = '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20" viewBox="0 0 30 20">\n<path d="M0 0h9v9z"/>\n</svg>\n';

function text(value: string): ValueSummary {
  return { kind: "text", value };
}

function made(values: ValueSummary[], name = "First picture") {
  return job("a", { name, state: "succeeded", bricks: { output: { state: "done", outputs: { svg: values } } } });
}

test("a text is a drawing when it begins with an svg element, also after an XML declaration", () => {
  for (const drawing of [SQUARE, `\uFEFF  ${SQUARE}`, `<?xml version="1.0" encoding="UTF-8"?>\n${SQUARE}`, "<svg>"]) {
    assert.ok(isDrawing(drawing), drawing);
  }
  for (const other of ["", "svg", "<svgx>", "see <svg>", "<!DOCTYPE svg><svg>", "<html><svg></svg></html>", '<?xml version="1.0"?><rss><svg></svg></rss>']) {
    assert.ok(!isDrawing(other), other);
  }
});

test("drawings have the size of their view box, and a square where it makes no sense", () => {
  const sizes = [SQUARE, '<svg viewBox="0,0,1e2,50.5">', "<svg>", '<svg viewBox="0 0 0 20">', '<svg viewBox="0 0 ... e">'];
  const found = drawingsOf(made(sizes.map(text)), "output").map(({ width, height }) => [width, height]);
  assert.deepEqual(found, [[30, 20], [100, 50.5], [1, 1], [1, 1], [1, 1]]);
});

test("a file is called like the workflow, with a number where there are several, and with nothing that a disk refuses", () => {
  const files = (values: ValueSummary[], name: string) => drawingsOf(made(values, name), "output").map(({ file }) => file);
  assert.deepEqual(files([text(SQUARE)], "My fox"), ["My fox.svg"]);
  assert.deepEqual(files([text(SQUARE), text("words"), text(SQUARE)], "My fox"), ["My fox 1.svg", "My fox 2.svg"]);
  assert.deepEqual(files([text(SQUARE)], '../a<b>:"c"\\d|?*.'), ["a b c d.svg"]);
  assert.deepEqual(files([text(SQUARE)], " . "), ["drawing.svg"]);
  assert.equal(files([text(SQUARE)], "x".repeat(500))[0]?.length, 84);
});

test("a card shows drawings as such and tells other texts in words", () => {
  const catalog = catalogOf(
    infos.map((info) => (info.id === "qpyt:image-out" ? { ...info, outputs: [{ name: "svg", kind: "text" as const, label: "SVG", required: true, many: true, doc: "" }] } : info)),
  );
  const store = new Store();
  const huge = `<svg>${" ".repeat(17 * 1024 * 1024)}</svg>`;
  store.set({ document: firstPicture(), catalog, catalogLoaded: true, shown: "a" });
  store.putJob(made([text(SQUARE), text("wrote 1 file"), text(huge)]));
  const view = card(store.state, "output");
  assert.deepEqual(view?.drawings.map(({ svg }) => svg), [SQUARE]);
  assert.deepEqual(view.told, ["SVG\nwrote 1 file", "SVG\nA drawing of 17 MiB, too large to show here"]);
  assert.equal(card(store.state, "output")?.drawings[0], view.drawings[0], "the same object, so that nothing is drawn again");
});

test("addresses of drawings last as long as they are drawn", async () => {
  const controllers: ReactiveController[] = [];
  const host = { addController: (controller: ReactiveController) => controllers.push(controller) };
  const urls = new SvgUrls(host as unknown as ReactiveControllerHost);
  const read = async (url: string): Promise<string | undefined> => fetch(url).then((answer) => answer.text()).catch(() => undefined);
  const updated = (): void => controllers[0]?.hostUpdated?.();

  const first = urls.of(SQUARE);
  assert.equal(urls.of(SQUARE), first);
  updated();
  assert.equal(await read(first), SQUARE);
  assert.equal((await fetch(first)).headers.get("content-type"), "image/svg+xml");

  const second = urls.of("<svg/>");
  updated();
  assert.equal(await read(first), undefined, "it is no longer drawn");
  controllers[0]?.hostDisconnected?.();
  assert.equal(await read(second), undefined, "the element is gone");
});
