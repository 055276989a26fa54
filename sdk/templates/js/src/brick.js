import { defineBrick } from "@qpyt/brick";

export default defineBrick({
  id: "{{id}}",
  label: "{{label}}",
  category: "input",
  doc: "Says a text louder.",
  params: {
    marks: { type: "integer", default: 1, min: 0, max: 10, doc: "How many exclamation marks to add." },
  },
  inputs: {
    prompt: { kind: "text", doc: "The text to say louder." },
  },
  outputs: {
    prompt: { kind: "text", doc: "The same text, louder." },
  },
  run({ params, inputs }) {
    return { prompt: inputs.prompt.toUpperCase() + "!".repeat(params.marks) };
  },
});
