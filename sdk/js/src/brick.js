// What a brick is in JavaScript, and what the component's exports are made of.

import { asBrickError, BrickError } from "./errors.js";
import { trackHandles } from "./handles.js";
import { completeHost } from "./host.js";
import { Memory } from "./memory.js";
import { give, ports, take } from "./ports.js";
import { paramsSchema, withDefaults } from "./schema.js";

/** Says what a brick is. It only adds the types; the build checks the rest. */
export function defineBrick(definition) {
  return definition;
}

/** What a brick says about itself. `version` is that of its package, for a brick that names none. */
export function describe(brick, version) {
  return {
    id: brick.id,
    version: brick.version ?? version,
    label: brick.label,
    category: brick.category,
    doc: brick.doc ?? "",
    inputs: ports(brick.inputs),
    outputs: ports(brick.outputs),
    paramsSchema: JSON.stringify(paramsSchema(brick.params)),
  };
}

/** The optional interfaces that a component of these bricks exports beside `describe` and `run`. */
export function optionalExports(bricks) {
  const list = asList(bricks);
  const has = { state: list.some((brick) => brick.remembers), migrate: list.some((brick) => brick.migrate) };
  return Object.keys(has).filter((name) => has[name]);
}

/** Runs a brick as the host does: values at ports, parameters as a JSON text. */
async function run(brick, received, params, host, memory) {
  const inputs = take(brick.inputs, received);
  const outputs = await brick.run({ params: withDefaults(brick.params, params), inputs, host, memory });
  return give(brick.outputs, outputs);
}

/** The default export of a brick's source as a list: a module may hold one brick or several. */
export function asList(bricks) {
  return Array.isArray(bricks) ? bricks : [bricks];
}

/**
 * The exports of a component. `modules` are the imported interfaces by their names, such as `qpyt:job/context`.
 * Descriptions are made here, once: the build keeps what is in memory after loading, so `describe` costs nothing.
 */
export function component(bricks, version, modules) {
  const list = asList(bricks);
  const described = list.map((brick) => describe(brick, version));
  const handles = trackHandles(modules);
  const host = completeHost(handles.modules);
  const memory = new Memory();
  return {
    describe: { bricks: () => described },
    run: {
      async run(id, received, params) {
        try {
          const brick = list.find((candidate) => candidate.id === id);
          if (brick === undefined) throw BrickError.other(`This component holds no brick \`${id}\`.`);
          handles.opened(received.map((named) => named.value.val));
          const given = await run(brick, received, params, host, brick.remembers ? memory : undefined);
          handles.closeAllBut(given.map((named) => named.value.val));
          return given;
        } catch (error) {
          throw asBrickError(error);
        }
      },
    },
    state: {
      save: () => memory.save(),
      restore: (fromVersion, blob) => orText(() => memory.restore(fromVersion, blob)),
    },
    migrate: {
      migrateParams(id, fromVersion, params) {
        const brick = list.find((candidate) => candidate.id === id);
        if (brick?.migrate === undefined) return params;
        return orText(() => JSON.stringify(brick.migrate({ fromVersion, params: JSON.parse(params) })));
      },
    },
  };
}

/** The optional exports say what is wrong as a text. */
function orText(work) {
  try {
    return work();
  } catch (error) {
    throw Object.assign(new Error(error.message), { payload: error.message });
  }
}
