/** A small Hub on this machine with a small model of the catalogue, or others, which stops half-way when it is told to. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const BLOCK = 16 * 1024;
const WEIGHTS = Buffer.alloc(40 * BLOCK, "weights of a model ");

const USUAL = {
  "HuggingFaceTB/SmolLM2-135M-Instruct": {
    "config.json": Buffer.from("{}"),
    "merges.txt": Buffer.from("a b\n"),
    "model.safetensors": WEIGHTS,
  },
};

export class Hub {
  #server;
  #held = Promise.resolve();
  #release = () => undefined;
  #repos;

  /** `repos` has the files of each repository, by their names. */
  static async start(repos = USUAL) {
    const hub = new Hub();
    hub.#repos = repos;
    hub.#server = createServer((request, response) => void hub.#answer(request, response));
    hub.#server.listen(0, "127.0.0.1");
    await once(hub.#server, "listening");
    return hub;
  }

  get host() {
    return `127.0.0.1:${this.#server.address().port}`;
  }

  end() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Sends no more than half of the weights until `release`. */
  hold() {
    this.#held = new Promise((resolve) => (this.#release = resolve));
  }

  release() {
    this.#release();
  }

  async #answer({ url, headers }, response) {
    const asked = /^\/(?:api\/models\/)?([^/]+\/[^/]+)\/(.+)$/.exec(url);
    const [, repo, path] = asked ?? [];
    const files = this.#repos[repo] ?? {};
    if (path === "revision/main") return response.end(JSON.stringify({ sha: COMMIT }));
    if (path === `tree/${COMMIT}?recursive=true`) return response.end(JSON.stringify(listing(files)));
    const body = files[path?.replace(`resolve/${COMMIT}/`, "")];
    if (body === undefined) return response.writeHead(404).end();
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);
    const more = from > 0 ? { "content-range": `bytes ${from}-${body.length - 1}/${body.length}` } : {};
    response.writeHead(from > 0 ? 206 : 200, { etag: '"one"', "content-length": body.length - from, ...more });
    for (let at = from; at < body.length && !response.destroyed; at += BLOCK) {
      if (at >= body.length / 2) await this.#held;
      response.write(body.subarray(at, at + BLOCK));
    }
    return response.end();
  }
}

function listing(files) {
  return Object.entries(files).map(([path, body]) => {
    const large = path.endsWith(".safetensors");
    const lfs = { oid: createHash("sha256").update(body).digest("hex"), size: body.length };
    return { type: "file", path, size: body.length, oid: "0", ...(large ? { lfs } : {}) };
  });
}
