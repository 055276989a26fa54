// What an editor knows of a brick from its definition. Compiled, never run: a wrong type is a failed test.

import { BrickError, defineBrick, random, type Image } from "../../types/index.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(..._proof: Same<A, B> extends true ? [] : [never]): void {}

export default defineBrick({
  id: "me:everything",
  label: "Everything",
  category: "generator",
  doc: "Has one of each.",
  params: {
    text: { type: "string" },
    amount: { type: "number", default: 1, min: 0, max: 2, step: 0.1 },
    seed: { type: "integer", optional: true, widget: "seed" },
    mode: { type: "string", choices: [["soft", "Soft"], ["hard", "Hard"]] },
    styles: { type: "array", choices: [{ value: "oil", label: "Oil", group: "Paint" }, { value: "ink", label: "Ink" }] },
    sizes: { type: "array", items: "integer" },
    model: { type: "string", widget: "model", "x-model-family": "stable-diffusion" },
  },
  inputs: {
    image: { kind: "image", doc: "A picture." },
    mask: { kind: "mask", doc: "Where.", optional: true },
    prompts: { kind: "text", doc: "Texts.", many: true },
    info: { kind: "json", doc: "Anything." },
  },
  outputs: {
    image: { kind: "image", doc: "A picture." },
    note: { kind: "text", doc: "A text.", optional: true },
    pictures: { kind: "image", doc: "Several.", many: true },
  },
  run({ params, inputs, host }) {
    same<typeof params.text, string>();
    same<typeof params.amount, number>();
    same<typeof params.seed, number | null>();
    same<typeof params.mode, "soft" | "hard">();
    same<typeof params.styles, ("oil" | "ink")[]>();
    same<typeof params.sizes, number[]>();
    same<typeof inputs.image, Image>();
    same<typeof inputs.mask, Image | undefined>();
    same<typeof inputs.prompts, string[]>();
    // @ts-expect-error: there is no such parameter
    params.txt;
    // @ts-expect-error: there is no such input
    inputs.picture;
    // @ts-expect-error: a format that there is not
    host.media.Canvas.create(1, 1, "rgb9");
    if (random(1).below(2) > 1) throw BrickError.badInput("image", "It is too small.");
    host.job.progress(0.5, "Half");
    return { image: inputs.image, pictures: [inputs.image] };
  },
});

defineBrick({
  id: "me:forgetful",
  label: "Forgetful",
  category: "output",
  doc: "Gives too little.",
  outputs: { text: { kind: "text", doc: "A text." } },
  // @ts-expect-error: the output is missing
  run: () => ({}),
});

defineBrick({
  id: "me:wrong",
  label: "Wrong",
  // @ts-expect-error: a family that there is not
  category: "filter",
  doc: "Has no such family.",
  run: () => ({}),
});
