// Templates of prompts: `{a|b}` and `__name__`, nested as deep as one likes within reason.

/** What a person can put right in a template. */
export class TemplateError extends Error {}

/** Templates that take one another in turn would never end. */
const DEEPEST = 20;
const LONGEST = 20_000;

const QUANTITY = /^(\d+)(?:-(\d+))?$/;

/** The prompt that `template` gives with `draw`; what was chosen is added to `choices`. */
export function expand(template, lists, draw, choices, depth = 0) {
  if (depth > DEEPEST) throw new TemplateError("The template takes itself again and again. Look for a list that names itself.");
  let text = "";
  let at = 0;
  while (at < template.length) {
    if (text.length > LONGEST) throw new TemplateError(`The prompt would have more than ${LONGEST} characters.`);
    const letter = template[at];
    const list = letter === "_" ? /^__([a-z0-9-]+(?:_[a-z0-9-]+)*)__/i.exec(template.slice(at)) : null;
    if (letter === "\\" && at + 1 < template.length) {
      text += template[at + 1];
      at += 2;
    } else if (letter === "{") {
      const end = closing(template, at);
      text += variant(template.slice(at + 1, end), lists, draw, choices, depth);
      at = end + 1;
    } else if (letter === "}") {
      throw new TemplateError(`There is a } without its { at character ${at + 1}. Write \\} for a brace of its own.`);
    } else if (list !== null) {
      text += entry(list[1], lists, draw, choices, depth);
      at += list[0].length;
    } else {
      text += letter;
      at += 1;
    }
  }
  return text;
}

/** Where the brace that opens at `start` closes. */
function closing(template, start) {
  let depth = 0;
  for (let at = start; at < template.length; at += 1) {
    if (template[at] === "\\") at += 1;
    else if (template[at] === "{") depth += 1;
    else if (template[at] === "}" && (depth -= 1) === 0) return at;
  }
  throw new TemplateError(`There is a { without its } at character ${start + 1}. Write \\{ for a brace of its own.`);
}

function entry(name, lists, draw, choices, depth) {
  const entries = lists.get(name);
  if (entries === undefined) {
    const known = [...lists.keys()].join(", ") || "none";
    throw new TemplateError(`There is no list "${name}"; there are ${known}.`);
  }
  const chosen = expand(draw.pick(entries), lists, draw, choices, depth + 1);
  choices.push(chosen);
  return chosen;
}

/** The inside of a pair of braces: how many, joined by what, and the options. */
function variant(inside, lists, draw, choices, depth) {
  const { least, most, joint, options } = readVariant(inside);
  const count = Math.min(options.length, least + draw.below(most - least + 1));
  const left = options.map(weighted);
  const chosen = [];
  while (chosen.length < count) {
    const [{ text }] = left.splice(heavier(left, draw), 1);
    chosen.push(expand(text, lists, draw, choices, depth + 1));
  }
  choices.push(...chosen);
  return chosen.join(joint);
}

function readVariant(inside) {
  const parts = inside.split("$$");
  const quantity = parts.length > 1 ? QUANTITY.exec(parts[0].trim()) : null;
  if (quantity === null) return { least: 1, most: 1, joint: ", ", options: splitOptions(inside) };
  const least = Number(quantity[1]);
  const most = Number(quantity[2] ?? quantity[1]);
  if (most < least) throw new TemplateError(`{${parts[0]}$$ asks for ${least} to ${most}. Write the smaller number first.`);
  const joint = parts.length > 2 ? parts[1] : ", ";
  return { least, most, joint, options: splitOptions(parts.slice(parts.length > 2 ? 2 : 1).join("$$")) };
}

/** Bars inside inner braces belong to those. */
function splitOptions(text) {
  const options = [""];
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === "{") depth += 1;
    if (letter === "}") depth -= 1;
    if (letter === "|" && depth === 0) {
      options.push("");
      continue;
    }
    options[options.length - 1] += letter;
    if (letter === "\\" && at + 1 < text.length) options[options.length - 1] += text[(at += 1)];
  }
  return options;
}

function weighted(option) {
  const [, weight, text] = /^\s*(\d+(?:\.\d+)?)::(.*)$/s.exec(option) ?? [null, "1", option];
  return { weight: Number(weight), text: text.trim() };
}

/** The place of an option, drawn by weight. */
function heavier(options, draw) {
  let left = draw.number() * options.reduce((sum, option) => sum + option.weight, 0);
  const place = options.findIndex((option) => (left -= option.weight) < 0);
  return place < 0 ? options.length - 1 : place;
}
