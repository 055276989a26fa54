// Looks over what a brick says about itself, so that the build names what the studio would refuse or a person would
// miss.

import { describe } from "./brick.js";
import { PORT_KINDS } from "./ports.js";
import { paramsSchema } from "./schema.js";

const CATEGORIES = ["input", "generator", "setting", "output"];
const PARAM_TYPES = ["string", "boolean", "integer", "number", "array"];
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/** Everything that is wrong with a brick; an empty list if nothing is. */
export function problems(brick, version) {
  if (typeof brick?.run !== "function") {
    return ["a brick's module exports `defineBrick({ id, label, ..., run() {} })` as its default"];
  }
  const info = describe(brick, version);
  return [
    ...texts(info),
    ...sides("input", info.inputs),
    ...sides("output", info.outputs),
    ...Object.entries(brick.params ?? {}).flatMap(([name, param]) => types(name, param)),
    ...Object.entries(paramsSchema(brick.params).properties).flatMap(([name, schema]) => defaults(name, schema)),
  ];
}

function texts(info) {
  const found = [];
  const [namespace, name, ...more] = String(info.id).split(":");
  if (!isName(namespace) || !isName(name) || more.length > 0) {
    found.push(`id \`${info.id}\`: it should be \`namespace:name\`, both lower-case words joined by \`-\``);
  }
  if (!/^\d+\.\d+\.\d+/.test(info.version ?? "")) {
    found.push(`version \`${info.version}\`: write one such as 0.1.0 in package.json`);
  }
  if (!info.label) found.push("label: there is none");
  if (!info.doc) found.push("doc: there is none to tell the person what the brick does");
  if (!CATEGORIES.includes(info.category)) {
    found.push(`category \`${info.category}\`: it should be one of ${CATEGORIES.join(", ")}`);
  }
  return found;
}

function sides(side, ports) {
  const found = [];
  for (const port of ports) {
    const at = `${side} \`${port.name}\``;
    if (!isName(port.name)) found.push(`${at}: its name should be lower-case words joined by \`-\``);
    if (!PORT_KINDS.includes(port.kind)) {
      found.push(`${at}: its kind is \`${port.kind}\`; it should be one of ${PORT_KINDS.join(", ")}`);
    }
    if (!port.doc) found.push(`${at}: it has no doc to explain it`);
    if (ports.filter((other) => other.name === port.name).length > 1) found.push(`${at}: there are two of it`);
  }
  return found;
}

function types(name, param) {
  if (PARAM_TYPES.includes(param.type)) return [];
  return [`parameter \`${name}\`: its type is \`${param.type}\`; it should be one of ${PARAM_TYPES.join(", ")}`];
}

function defaults(name, schema) {
  const value = schema.default;
  const outside = typeof value === "number" && (value < schema.minimum || value > schema.maximum);
  const notOffered = schema.enum !== undefined && !schema.enum.includes(value);
  return outside || notOffered ? [`parameter \`${name}\`: its default ${JSON.stringify(value)} is not allowed`] : [];
}

function isName(text) {
  return typeof text === "string" && text.length <= 64 && NAME.test(text);
}
