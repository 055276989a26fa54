// The `host` that a brick gets: what it may ask of the studio, by short names. A brick that asks for more than its
// brick.toml names is told the line to write.

import { BrickError } from "./errors.js";

/** Interfaces that are joined under one name. All others have the name of their interface: `qpyt:ai/models` is `models`. */
const JOINED = {
  "qpyt:media/image": "media",
  "qpyt:media/tensor": "media",
  "qpyt:job/context": "job",
};

/** Where a name that is missing would come from. */
const ORIGINS = {
  job: "qpyt:job/context",
  clock: "qpyt:job/clock",
  imaging: "qpyt:ai/imaging",
  vision: "qpyt:ai/vision",
  language: "qpyt:ai/language",
  models: "qpyt:ai/models",
  content: "qpyt:store/content",
  gallery: "qpyt:store/gallery",
  files: "qpyt:store/files",
  secrets: "qpyt:store/secrets",
  http: "qpyt:store/http",
};

/** The host, from the imported interfaces by their names. */
export function completeHost(modules) {
  const parts = {};
  for (const [name, module] of Object.entries(modules)) {
    const short = JOINED[name] ?? name.slice(name.indexOf("/") + 1);
    parts[short] = { ...parts[short], ...(short === "job" ? job(module) : module) };
  }
  return new Proxy(parts, {
    get(target, name) {
      if (name in target || typeof name === "symbol") return target[name];
      throw BrickError.other(missing(name));
    },
  });
}

function missing(name) {
  const origin = ORIGINS[name];
  if (origin === undefined) return `The host has no \`${name}\`; it has ${Object.keys(ORIGINS).join(", ")} and media.`;
  return `This brick uses \`host.${name}\` without asking for it; add "${origin}" to \`uses\` in its brick.toml.`;
}

/** Cancelling is an error here, so that a brick stops in time without looking. */
function job(context) {
  const orCancelled = (goesOn) => {
    if (!goesOn) throw BrickError.cancelled();
  };
  return {
    progress: (fraction, note = "") => orCancelled(context.progress(fraction, note)),
    checkCancelled: () => orCancelled(!context.cancelled()),
    log: (level, message) => context.log(level, message),
    millisecondsLeft: () => Number(context.deadlineMs()),
    seed: () => context.seed(),
  };
}
