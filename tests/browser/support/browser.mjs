/** Chromium on a studio's page, watched: what a person would not see but must not happen ends the journey. */
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The packages of the web app, which a first start of the studio may only just have installed. */
export const fromWebApp = createRequire(new URL("../../../web/package.json", import.meta.url));

export class Browser {
  #context;
  #profile;
  #origin;
  /** What must not happen and did. */
  faults = [];
  #tolerated = [];
  /** The addresses that were asked for. */
  requests = [];

  /** Opens a browser that has never seen the studio. `options` are Playwright's for a context. */
  static async fresh(studio, options = {}) {
    const { chromium } = fromWebApp("playwright-core");
    const browser = new Browser();
    browser.#origin = studio.address;
    browser.#profile = await mkdtemp(join(tmpdir(), "qpyt-browser-"));
    browser.#context = await chromium.launchPersistentContext(browser.#profile, {
      executablePath: process.env.QPYT_CHROMIUM || "/usr/bin/chromium",
      args: FLAGS,
      headless: true,
      viewport: { width: 1440, height: 900 },
      colorScheme: "dark",
      baseURL: studio.address,
      ...options,
    });
    browser.#context.setDefaultTimeout(45_000);
    browser.#context.on("request", (request) => browser.#requested(request.url()));
    const [page] = browser.#context.pages();
    await browser.#watch(page);
    browser.page = page;
    return browser;
  }

  /** Lets messages of the console pass that the journey brings about on purpose. */
  tolerate(pattern) {
    this.#tolerated.push(pattern);
  }

  async end() {
    await this.#context.close();
    await rm(this.#profile, { recursive: true, force: true });
  }

  #requested(url) {
    this.requests.push(url);
    const isOwn = url.startsWith(`${this.#origin}/`) || url.startsWith("data:") || url.startsWith("blob:") || url === "about:blank";
    if (!isOwn) this.faults.push(`the page asked another origin: ${url}`);
  }

  async #watch(page) {
    page.on("pageerror", (error) => this.faults.push(`the page threw: ${error.stack ?? error}`));
    page.on("websocket", (socket) => this.#requested(socket.url()));
    page.on("console", (message) => {
      const text = `${message.text()} (${message.location().url})`;
      if (message.type() !== "error" || this.#tolerated.some((pattern) => pattern.test(text))) return;
      this.faults.push(`the console says: ${text}`);
    });
    await page.exposeFunction("tellViolation", (what) => this.faults.push(`against the content security policy: ${what}`));
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        globalThis.tellViolation(`${event.violatedDirective} ${event.blockedURI}`);
      });
    });
  }
}
