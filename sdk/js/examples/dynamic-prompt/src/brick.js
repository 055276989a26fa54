// The dynamic prompt brick: one template, another prompt for each seed.

import { BrickError, defineBrick, random } from "@qpyt/brick";

import { expand, TemplateError } from "./template.js";
import { readLists } from "./lists.js";

export default defineBrick({
  id: "qpyt-examples:dynamic-prompt",
  label: "Dynamic prompt",
  category: "input",
  doc: "Makes a prompt from a template: {red|blue} takes one of several, __animal__ takes one of a list. Another seed makes another prompt.",
  params: {
    template: {
      type: "string",
      widget: "prompt",
      default: "a {red|blue|2::green} __animal__, {2$$, $$soft light|fog|rain|snow}",
      doc: "{a|b} takes one, {3::a|b} takes a three times as often, {2$$a|b|c} takes two different ones, {1-2$$ and $$a|b|c} one or two, joined by \"and\". Write \\{ for a brace.",
    },
    lists: {
      type: "string",
      widget: "prompt",
      default: "animal: red fox, snowy owl, river otter",
      doc: "One list per line, as name: entry, entry. A template takes an entry by __name__, and entries may hold templates themselves.",
    },
    seed: { type: "integer", optional: true, min: 0, max: 4294967295, widget: "seed", doc: "The same seed makes the same choices." },
  },
  inputs: {
    prompt: { kind: "text", optional: true, doc: "A template that takes the place of the one in the form." },
  },
  outputs: {
    prompt: { kind: "text", doc: "The prompt." },
    choices: { kind: "json", doc: "What was chosen, in order." },
  },
  run({ params, inputs }) {
    const lists = readable("lists", () => readLists(params.lists));
    const template = inputs.prompt ?? params.template;
    const choices = [];
    const prompt = readable("template", () => expand(template, lists, random(params.seed ?? 0), choices));
    return { prompt, choices };
  },
});

/** Names the parameter that can't be read. */
function readable(param, read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof TemplateError) throw BrickError.badParam(param, error.message);
    throw error;
  }
}
