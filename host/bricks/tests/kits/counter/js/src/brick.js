// Counts its runs, and had another name for its parameter in version 0.1.

import { defineBrick } from "@qpyt/brick";

export default defineBrick({
  id: "tests:counter",
  label: "Counter",
  category: "input",
  doc: "Counts its runs.",
  params: { step: { type: "integer", default: 1 } },
  outputs: {
    count: { kind: "text", doc: "How far it is." },
    chance: { kind: "number", doc: "A random number of the language's own." },
  },
  remembers: true,
  run({ params, memory }) {
    memory.value = (memory.value ?? 0) + params.step;
    return { count: `${memory.value} after ${memory.version ?? "nothing"}`, chance: Math.random() };
  },
  migrate({ fromVersion, params }) {
    if (!fromVersion.startsWith("0.1.")) throw new Error("Set the step anew.");
    return { step: params.by };
  },
});
