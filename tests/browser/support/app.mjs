/** The page as a person knows it: its bricks, its bar, its windows. Everything is found by role and label. */
import { until } from "./wait.mjs";

const AUTOSAVE = "qpyt.autosave.1";

export class App {
  constructor(page) {
    this.page = page;
  }

  /** Opens the studio and waits until its bricks are there. */
  async open() {
    await this.page.goto("/");
    await this.ready();
  }

  async ready() {
    await this.brick("Prompt").getByRole("textbox", { name: "Prompt", exact: true }).waitFor();
  }

  /** A brick of the strip, by the name on it. */
  brick(name) {
    return this.page.getByRole("article", { name, exact: true });
  }

  /** The names of the bricks, left to right. */
  bricks() {
    return this.page.getByRole("list", { name: "Bricks" }).getByRole("heading", { level: 2 }).allTextContents();
  }

  /** Waits until the bricks stand in this order. */
  async hasBricks(...names) {
    let now;
    await until(`the bricks are ${names.join(", ")}`, async () => (now = await this.bricks()).join() === names.join()).catch((error) => {
      throw new Error(`${error.message} They are ${now.join(", ")}.`);
    });
  }

  get prompt() {
    return this.brick("Prompt").getByRole("textbox", { name: "Prompt", exact: true });
  }

  /** Folds a brick or unfolds it, by its own button. */
  async fold(brick, folded) {
    const verb = folded ? "Collapse" : "Expand";
    if ((await this.isFolded(brick)) !== folded) await this.button(`${verb} ${brick}`).click();
    await this.button(`${folded ? "Expand" : "Collapse"} ${brick}`).waitFor();
  }

  async isFolded(brick) {
    const toggle = this.page.getByRole("button", { name: new RegExp(`^(Collapse|Expand) ${brick}$`) });
    return (await toggle.getAttribute("aria-expanded")) === "false";
  }

  number(brick, name) {
    return this.brick(brick).getByRole("spinbutton", { name, exact: true });
  }

  /** Sets numbers of the settings brick by their labels. */
  async settings(values) {
    for (const [name, value] of Object.entries(values)) await this.number("Settings", name).fill(String(value));
  }

  /** The chip on a brick that says which version serves. */
  version(brick, version) {
    return this.brick(brick).getByRole("button", { name: `${brick}, version ${version}`, exact: true });
  }

  /** Opens the page of bricks at one of them. */
  async openBrick(brick) {
    await this.page.getByRole("button", { name: /^Installed bricks/ }).click();
    await this.panel("Installed bricks").getByRole("list", { name: "Bricks" }).getByRole("button", { name: new RegExp(`^${brick} \\d`) }).click();
  }

  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }

  get generate() {
    return this.button("Generate");
  }

  get stop() {
    return this.button("Stop");
  }

  /** One of the windows at the side: its content stands in an element of its own beside the dialog. */
  panel(name) {
    return this.page.locator(PANELS[name]);
  }

  /** The window itself, which says whether it is open. */
  dialog(name) {
    return this.page.getByRole("dialog", { name, exact: true });
  }

  /** The step that a running brick shows, as `{ step, steps }`, or `undefined` when it shows none. */
  async step(brick = "Render") {
    const bar = this.brick(brick).getByRole("progressbar");
    const text = await bar.getAttribute("aria-valuetext", { timeout: 200 }).catch(() => null);
    const found = /(?:^|· )(\d+) \/ (\d+)$/.exec(text ?? "");
    return found ? { step: Number(found[1]), steps: Number(found[2]) } : undefined;
  }

  /** Waits until a running brick has come this far. */
  reaches(step, brick = "Render") {
    return until(`${brick} is at step ${step}`, async () => {
      const at = await this.step(brick);
      return at !== undefined && at.step >= step ? at : undefined;
    });
  }

  /** The picture that a brick shows when it is done. */
  picture(brick = "Output", number = 1) {
    return this.brick(brick).getByRole("img", { name: `${brick}, picture ${number}` });
  }

  /** The document as the page keeps it across a reload. */
  async document() {
    const saved = await this.page.evaluate((key) => localStorage.getItem(key), AUTOSAVE);
    return saved === null ? undefined : JSON.parse(saved).document;
  }

  /** Waits until the document that is kept across a reload is as asked for. */
  keeps(what, question) {
    return until(`the page keeps a document that ${what}`, async () => {
      const document = await this.document();
      return document !== undefined && question(document) ? document : undefined;
    });
  }

  /** Opens a document as a file that is picked in the drawer of workflows. */
  async importFile(name, content) {
    await this.button("Open workflows").click();
    const choosing = this.page.waitForEvent("filechooser");
    await this.button("Import file").click();
    const chooser = await choosing;
    await chooser.setFiles({ name, mimeType: "application/json", buffer: Buffer.from(content) });
    await this.dialog("Workflows").waitFor({ state: "hidden" });
  }
}

const PANELS = {
  "Add a brick": "qp-add-drawer",
  Workflows: "qp-workflows",
  History: "qp-history",
  Queue: "qp-queue",
  "Installed bricks": "qp-bricks",
};
