/** A brick that misbehaves on purpose, from the folder that `QPYT_FIXTURES` names, in the studio's folder of bricks. */
import assert from "node:assert/strict";
import { cp, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

export class Fixture {
  #source;
  #place;
  #name;

  /** Puts a fixture into a running studio, with some of its bytes replaced by others of equal length. */
  static async in(studio, name, changes = {}) {
    const folder = process.env.QPYT_FIXTURES;
    if (!folder) throw new Error("QPYT_FIXTURES must name the folder of the fixture bricks.");
    const fixture = new Fixture();
    fixture.#name = name;
    fixture.#source = join(folder, name);
    fixture.#place = studio.folder(`data/bricks/${name}`);
    const hidden = studio.folder(`data/bricks/.${name}`);
    await cp(fixture.#source, hidden, { recursive: true });
    await fixture.#write(hidden, changes);
    await rename(hidden, fixture.#place);
    return fixture;
  }

  /** Another version takes the place of this one. */
  become(changes) {
    return this.#write(this.#place, changes);
  }

  async #write(folder, changes) {
    const wasm = `${this.#name}.wasm`;
    let bytes = await readFile(join(this.#source, wasm), "latin1");
    for (const [old, next] of Object.entries(changes)) {
      assert.equal(old.length, next.length, "only bytes of equal length can be replaced");
      assert.ok(bytes.includes(old), `${wasm} has ${old}`);
      bytes = bytes.replaceAll(old, next);
    }
    await writeFile(join(folder, `${wasm}.new`), Buffer.from(bytes, "latin1"));
    await rename(join(folder, `${wasm}.new`), join(folder, wasm));
  }
}
