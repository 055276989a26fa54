/** A real `qpyt serve` with a data folder of its own, and its HTTP API as a test needs it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

/** What an installation has beside its bricks. */
const PARTS = ["models", "web", "workflows"];

export class Studio {
  #process;
  #folder;
  /** The installation it runs from; the checkout where it is not said. */
  #home;
  /** Where models come from; the Hub itself where it is not said. */
  #hub;
  /** Where it answers, without a slash at the end. Stays the same over a restart. */
  address = "";

  /**
   * Starts a studio with nothing in it. The first start on a fresh checkout builds the bricks and the web app. With
   * `ownBricks` it runs from an installation of its own, whose first-party bricks the journey may change;
   * with `hub`, models come from there.
   */
  static async fresh({ ownBricks = false, hub } = {}) {
    const studio = new Studio();
    studio.#folder = await mkdtemp(join(tmpdir(), "qpyt-journey-"));
    try {
      if (ownBricks) await studio.#install();
      if (hub) await studio.#reach(hub);
      await studio.#start(0);
    } catch (error) {
      await studio.end();
      throw error;
    }
    return studio;
  }

  /** A folder that vanishes with the studio. */
  folder(name) {
    return join(this.#folder, name);
  }

  async #install() {
    const checkout = resolve(process.env.QPYT_HOME || ".");
    this.#home = this.folder("home");
    await mkdir(join(this.#home, "plugins"), { recursive: true });
    await cp(join(checkout, "plugins/dist"), this.folder("home/plugins/dist"), { recursive: true });
    for (const part of PARTS) await symlink(join(checkout, part), join(this.#home, part));
  }

  async #reach(hub) {
    this.#hub = hub;
    await mkdir(this.folder("data"));
    await writeFile(this.folder("data/qpyt.toml"), `[network]\nprivate_hosts = ["${hub.host}"]\n`);
  }

  async #start(port) {
    const program = process.env.QPYT_PROGRAM;
    if (!program) throw new Error("QPYT_PROGRAM must name the program under test.");
    const flags = ["serve", "--no-open", "--port", String(port), "--data", this.folder("data")];
    this.#process = spawn(program, flags, { stdio: ["ignore", "pipe", "inherit"], env: this.#environment() });
    this.address = await addressSaidBy(this.#process);
  }

  /** Without settings of the studio, so that those of the machine don't change the journey. */
  #environment() {
    const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("QPYT_") || name === "QPYT_HOME"));
    const home = this.#home === undefined ? {} : { QPYT_HOME: this.#home };
    const hub = this.#hub === undefined ? {} : { HF_ENDPOINT: `http://${this.#hub.host}`, HF_TOKEN: "" };
    return { ...own, ...home, ...hub };
  }

  /** Ends the process as a power cut would. */
  async kill() {
    const running = this.#process;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    running.kill("SIGKILL");
    await once(running, "exit");
  }

  /** Starts it again, on the same data and the same port. */
  async startAgain() {
    await this.#start(Number(new URL(this.address).port));
  }

  async end() {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Asks the API; gives the parsed answer, and throws for a refusal. */
  async ask(method, path, body) {
    const init = body === undefined ? { method } : { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const response = await fetch(this.address + path, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  /** All jobs, oldest first. */
  async jobs() {
    const { jobs } = await this.ask("GET", "/api/jobs?limit=100");
    return jobs.reverse();
  }

  job(id) {
    return this.ask("GET", `/api/jobs/${id}`);
  }
}

async function addressSaidBy(server) {
  for await (const line of createInterface({ input: server.stdout })) {
    const found = /http:\/\/\S+/.exec(line);
    if (!found) continue;
    server.stdout.resume();
    return found[0].replace(/\/$/, "");
  }
  throw new Error("qpyt ended before it said where it listens.");
}
