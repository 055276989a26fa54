// Pictures, canvases and tensors live in the host; a brick holds handles on them. The engine does not let go of a
// handle that was used, so a loop over pictures would fill the brick's memory. Here every handle that a run opens is
// remembered: `close()` lets go of one early, and at the end of the run all are let go.

/** Functions that take a handle over from the brick. */
const TAKES_OVER = new Set(["freeze"]);

/** The symbol under which the engine keeps the way to let go. */
const DISPOSE = Symbol.dispose ?? Symbol.for("dispose");

/** Makes the resources and functions in `modules` remember the handles that they return. */
export function trackHandles(modules) {
  const open = new Set();
  const opened = (value) => {
    if (Array.isArray(value)) value.forEach(opened);
    else if (isHandle(value)) open.add(value);
    return value;
  };
  const close = (handle) => {
    if (open.delete(handle)) handle[DISPOSE]();
  };
  for (const resource of resources(modules)) {
    wrap(resource, opened, open);
    wrap(resource.prototype, opened, open);
    resource.prototype.close = function closeThis() {
      close(this);
    };
  }
  return {
    modules: Object.fromEntries(Object.entries(modules).map(([name, module]) => [name, remembering(module, opened)])),
    opened,
    closeAllBut(kept) {
      kept.forEach((handle) => open.delete(handle));
      [...open].forEach(close);
    },
  };
}

function isHandle(value) {
  return typeof value === "object" && value !== null && typeof value[DISPOSE] === "function";
}

function isResource(value) {
  return typeof value === "function" && typeof value.prototype?.[DISPOSE] === "function";
}

function resources(modules) {
  return Object.values(modules).flatMap((module) => Object.values(module).filter(isResource));
}

/** The module with functions that remember what they return. What is imported can't be changed, so it is copied. */
function remembering(module, opened) {
  const wrapped = Object.entries(module).map(([name, value]) => {
    const isFunction = typeof value === "function" && !isResource(value);
    return [name, isFunction ? (...args) => opened(value(...args)) : value];
  });
  return Object.fromEntries(wrapped);
}

/** Replaces the functions of a resource by ones that remember what they return. */
function wrap(owner, opened, open) {
  for (const name of Object.getOwnPropertyNames(owner)) {
    const original = owner[name];
    if (name === "constructor" || isResource(original) || typeof original !== "function") continue;
    owner[name] = function remembered(...args) {
      const result = original.apply(this, args);
      if (TAKES_OVER.has(name)) args.forEach((arg) => open.delete(arg));
      return opened(result);
    };
  }
}
