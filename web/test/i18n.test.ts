import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { en } from "../src/i18n/en.js";
import { t } from "../src/i18n/text.js";

const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && !name.endsWith("en.ts"))
  .map((name) => ({ name, text: readFileSync(`src/${name}`, "utf8") }));

const NAMED = /\b(?:aria-label|aria-description|aria-roledescription|title|placeholder|alt|heading)="([^"$]*[A-Za-z][^"]*)"/g;

/** The text of every html template, nested ones included, with expressions and tags taken out. */
function rawTexts(source: string): string[] {
  return templates(source).flatMap((template) => {
    const words = template.replace(/<!--[\s\S]*?-->/g, "").replace(/<[^>]*>/g, "\n");
    return words.split("\n").map((line) => line.trim()).filter((line) => /\p{L}/u.test(line));
  });
}

/** Expressions become a mark without letters; `=>` and `<` inside them are gone with them. */
function templates(source: string): string[] {
  const found: string[] = [];
  const read = (start: number): number => {
    let at = start;
    let text = "";
    while (at < source.length && source[at] !== "`") {
      if (source.startsWith("${", at)) {
        at = skipExpression(at + 2);
        text += "0";
      } else {
        text += source.charAt(at);
        at += 1;
      }
    }
    if (source.slice(0, start - 1).endsWith("html")) found.push(text);
    return at + 1;
  };
  const skipExpression = (start: number): number => {
    let at = start;
    for (let depth = 1; depth > 0 && at < source.length; ) {
      if (source[at] === "`") {
        at = read(at + 1);
        continue;
      }
      if (source[at] === "{") depth += 1;
      if (source[at] === "}") depth -= 1;
      at += 1;
    }
    return at;
  };
  for (let at = source.indexOf("`"); at >= 0; at = source.indexOf("`", at)) at = read(at + 1);
  return found;
}

test("the search for raw text finds raw text", () => {
  assert.deepEqual(rawTexts("html`<p class=\"a\">Hello ${name}</p>${x ? html`<b>there</b>` : nothing}`"), ["there", "Hello 0"]);
});

test("no template holds words of its own", () => {
  for (const { name, text } of sources) assert.deepEqual(rawTexts(text), [], name);
});

test("no attribute that is read aloud or shown holds words of its own", () => {
  for (const { name, text } of sources) assert.deepEqual([...text.matchAll(NAMED)].map((match) => match[0]), [], name);
});

test("every text of the table is used", () => {
  const all = sources.map((source) => source.text).join("\n");
  const computed = ["state.", "category.", "job.", "health.", "condition.", "call.", "refused.", "level.", "log.from.", "refusal.", "kind.", "standing."];
  const unused = Object.keys(en).filter((key) => !all.includes(`"${key}"`) && !computed.some((prefix) => key.startsWith(prefix)));
  assert.deepEqual(unused, []);
});

test("a text takes its arguments and shows what is missing", () => {
  assert.equal(t("progress.steps", { step: 12, steps: 25 }), "12 / 25");
  assert.equal(t("progress.steps", { step: 12 }), "12 / {steps}");
});
