/** Files of weights as a journey needs them: names and shapes that tell what they are, and nothing but zeros. */
import { readFile } from "node:fs/promises";

/** A file of safetensors with these shapes by name. */
export function zeros(shapes) {
  const header = {};
  let end = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const begin = end;
    end += shape.reduce((all, side) => all * side, 4);
    header[name] = { dtype: "F32", shape, data_offsets: [begin, end] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(end)]);
}

/** The shapes in a file of safetensors, by name. */
export async function shapesIn(path) {
  const file = await readFile(path);
  const { __metadata__: _, ...tensors } = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())));
  return Object.fromEntries(Object.entries(tensors).map(([name, { shape }]) => [name, shape]));
}

/** Shapes of a transformer of FLUX.1 with one block of each kind, as its makers name its tensors. */
export function smallFlux({ channels, text, pooled }) {
  const width = 128;
  const shapes = {};
  const linear = (name, out, input) => {
    shapes[`${name}.weight`] = [out, input];
    shapes[`${name}.bias`] = [out];
  };
  const norms = (name) => ["query", "key"].forEach((kind) => (shapes[`${name}.${kind}_norm.scale`] = [width]));
  linear("img_in", width, channels);
  linear("txt_in", width, text);
  for (const [name, input] of Object.entries({ time_in: 256, vector_in: pooled, guidance_in: 256 })) {
    linear(`${name}.in_layer`, width, input);
    linear(`${name}.out_layer`, width, width);
  }
  for (const stream of ["img", "txt"]) {
    const block = `double_blocks.0.${stream}`;
    linear(`${block}_mod.lin`, 6 * width, width);
    linear(`${block}_attn.qkv`, 3 * width, width);
    linear(`${block}_attn.proj`, width, width);
    linear(`${block}_mlp.0`, 4 * width, width);
    linear(`${block}_mlp.2`, width, 4 * width);
    norms(`${block}_attn.norm`);
  }
  linear("single_blocks.0.linear1", 7 * width, width);
  linear("single_blocks.0.linear2", width, 5 * width);
  linear("single_blocks.0.modulation.lin", 3 * width, width);
  norms("single_blocks.0.norm");
  linear("final_layer.linear", channels, width);
  linear("final_layer.adaLN_modulation.1", 2 * width, width);
  return shapes;
}
