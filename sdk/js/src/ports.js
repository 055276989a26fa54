// Ports: what a brick takes and gives. A definition `{ prompt: { kind: "text", doc: "..." } }` becomes the ports of
// the contract, and values at ports become one object and back.

import { BrickError } from "./errors.js";
import { kebab, label } from "./names.js";

/** How each kind of port carries its values: the case of `value` in the contract, and what a person calls it. */
const KINDS = {
  image: { tag: "image", wanted: "an image" },
  mask: { tag: "image", wanted: "a mask" },
  text: { tag: "text", wanted: "a text", type: "string" },
  number: { tag: "number", wanted: "a number", type: "number" },
  boolean: { tag: "boolean", wanted: "yes or no", type: "boolean" },
  json: { tag: "json", wanted: "a JSON value" },
  tensor: { tag: "tensor", wanted: "a tensor" },
  any: { wanted: "a value such as { tag: \"text\", val: \"...\" }" },
};

/** The kinds there are. */
export const PORT_KINDS = Object.keys(KINDS);

/** The ports, in the order they are shown. */
export function ports(definitions = {}) {
  return Object.entries(definitions).map(([name, port]) => ({
    name: kebab(name),
    kind: port.kind,
    label: port.label ?? label(name),
    required: isRequired(port),
    many: port.many ?? false,
    doc: port.doc ?? "",
  }));
}

/** A port has a value unless it is optional; one that takes many may have none unless it is required. */
function isRequired(port) {
  return port.many ? (port.required ?? false) : !port.optional;
}

/** The inputs under the names of the definition, from the values that came. */
export function take(definitions = {}, received) {
  const inputs = {};
  for (const [name, port] of Object.entries(definitions)) {
    const values = received
      .filter((named) => named.port === kebab(name))
      .map((named) => fromValue(kebab(name), port.kind, named.value));
    inputs[name] = arrange(name, port, values);
  }
  return inputs;
}

function arrange(name, port, values) {
  if (values.length === 0 && isRequired(port)) {
    throw BrickError.badInput(kebab(name), "This input is needed. Link a brick that gives it.");
  }
  if (port.many) return values;
  if (values.length > 1) {
    const problem = `This input takes one value and got ${values.length}. Link something that gives one.`;
    throw BrickError.badInput(kebab(name), problem);
  }
  return values[0];
}

function fromValue(port, kind, value) {
  if (kind === "any") return value;
  if (value.tag !== KINDS[kind].tag) {
    const problem = `This input wants ${KINDS[kind].wanted} and got ${called(value.tag)}.`;
    throw BrickError.badInput(port, problem);
  }
  if (kind !== "json") return value.val;
  try {
    return JSON.parse(value.val);
  } catch (error) {
    throw BrickError.badInput(port, `This JSON can't be used: ${error.message}.`);
  }
}

function called(tag) {
  return Object.values(KINDS).find((kind) => kind.tag === tag)?.wanted ?? `a value of the kind ${tag}`;
}

/** The values at the outputs, from what `run` returned. */
export function give(definitions = {}, outputs) {
  const unknown = Object.keys(outputs ?? {}).find((name) => !(name in definitions));
  if (unknown !== undefined) throw BrickError.other(`The brick gave \`${unknown}\`, which is none of its outputs.`);
  const given = [];
  for (const [name, port] of Object.entries(definitions)) {
    const values = listed(name, port, outputs?.[name]);
    if (values.length === 0 && isRequired(port)) {
      throw BrickError.other(`The brick gave nothing at its output \`${kebab(name)}\`.`);
    }
    given.push(...values.map((value) => ({ port: kebab(name), value: toValue(name, port.kind, value) })));
  }
  return ownHandles(given);
}

function listed(name, port, output) {
  if (output === undefined || output === null) return [];
  if (!port.many) return [output];
  if (Array.isArray(output)) return output;
  throw BrickError.other(`The brick's output \`${kebab(name)}\` takes many values: give it an array.`);
}

function toValue(name, kind, value) {
  if (kind === "json") return { tag: "json", val: jsonText(name, value) };
  const { tag, type, wanted } = KINDS[kind];
  const fits = kind === "any" ? typeof value?.tag === "string" : typeof value === (type ?? "object");
  if (!fits) {
    throw BrickError.other(`The brick's output \`${kebab(name)}\` wants ${wanted} and got ${typeof value}.`);
  }
  return kind === "any" ? value : { tag, val: value };
}

function jsonText(name, value) {
  const text = JSON.stringify(value);
  if (text === undefined) throw BrickError.other(`The brick's output \`${kebab(name)}\` can't be written as JSON.`);
  return text;
}

/** A handle is handed over once. Where one was given several times, the others are second handles on the same. */
function ownHandles(given) {
  const seen = new Set();
  for (const { value } of given) {
    if (typeof value.val !== "object" || value.val === null) continue;
    if (seen.has(value.val)) value.val = value.val.cloneHandle();
    seen.add(value.val);
  }
  return given;
}
