/**
 * The prompt brick of a studio with bricks of its own: other versions are made by replacing bytes of equal length, and
 * its files are written, broken, taken away and put back as authors and installers do.
 */
import assert from "node:assert/strict";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What stands under the field in the first version, 0.1.0. */
export const WORDS = "Describe the picture in your own words.";

export class PromptBrick {
  #place;
  #away;
  #original;

  id = "qpyt:prompt";

  static async of(studio) {
    const brick = new PromptBrick();
    brick.#place = studio.folder("home/plugins/dist/prompt");
    brick.#away = studio.folder("prompt-away");
    brick.#original = await readFile(join(brick.#place, "prompt.wasm"), "latin1");
    return brick;
  }

  /** Another version takes the place of this one. `words` are those under the field, `hosts` what it wants to connect to. */
  async become({ version = "0.1.0", words = WORDS, hosts = [] }) {
    const uses = hosts.length > 0 ? '"qpyt:store/http"' : "";
    const wants = hosts.length > 0 ? `\n[brick.wants]\nhosts = ${JSON.stringify(hosts)}\n` : "";
    await this.#replace("brick.toml", `[brick]\nwasm = "prompt.wasm"\nuses = [${uses}]\npublisher = "qpyt"\n${wants}`);
    await this.#replace("prompt.wasm", this.#variant(version, words));
  }

  /** The file is no longer a component. */
  breaks() {
    return this.#replace("prompt.wasm", "no component at all");
  }

  /** The brick's builder complains, or has nothing to complain about any more. */
  complains(text) {
    return text === undefined ? rm(join(this.#place, "build-error.txt")) : this.#replace("build-error.txt", text);
  }

  vanish() {
    return rename(this.#place, this.#away);
  }

  comeBack() {
    return rename(this.#away, this.#place);
  }

  /** Written beside and renamed, so that nobody reads half a file. */
  async #replace(name, content) {
    const path = join(this.#place, name);
    await writeFile(`${path}.new`, content);
    await rename(`${path}.new`, path);
  }

  #variant(version, words) {
    // The name of an interface has its version behind an `@`; that one stays.
    const changed = this.#original.replace(/(?<!@)0\.1\.0/g, version).replaceAll(WORDS, words);
    for (const text of [version, words]) assert.ok(changed.includes(text), `${text} is in the changed brick`);
    assert.equal(changed.length, this.#original.length, "only bytes of equal length can be replaced");
    return Buffer.from(changed, "latin1");
  }
}
