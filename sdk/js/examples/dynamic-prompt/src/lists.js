// Lists of entries by name, as a person writes them: `animal: fox, owl`.

import { TemplateError } from "./template.js";

const NAME = /^[a-z0-9_-]+$/i;

/** The lists in a text with one per line. Blank lines and lines that begin with `#` are left out. */
export function readLists(text) {
  const lists = new Map();
  for (const line of text.split("\n").map((written) => written.trim())) {
    if (line === "" || line.startsWith("#")) continue;
    const [name, ...rest] = line.split(":");
    const entries = splitEntries(rest.join(":"));
    if (rest.length === 0 || !NAME.test(name.trim()) || entries.length === 0) {
      throw new TemplateError(`"${line}" is no list. Write it as name: entry, entry.`);
    }
    lists.set(name.trim(), entries);
  }
  return lists;
}

/** Commas inside braces belong to the entry. */
function splitEntries(text) {
  const entries = [""];
  let depth = 0;
  for (const letter of text) {
    if (letter === "{") depth += 1;
    if (letter === "}") depth -= 1;
    if (letter === "," && depth === 0) entries.push("");
    else entries[entries.length - 1] += letter;
  }
  return entries.map((entry) => entry.trim()).filter((entry) => entry !== "");
}
