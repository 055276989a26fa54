#!/usr/bin/env python3
"""Makes the case `flux1-dev-nf4`: matrices as bitsandbytes packs them to 4 bits with what it unpacks them to, the
transformer and the T5 of `flux1-dev` packed in the same way, and what diffusers paints with the unpacked weights.

    pip install torch diffusers transformers accelerate safetensors sentencepiece protobuf bitsandbytes
    python four_bit.py
"""
import json, os
import bitsandbytes, diffusers, torch, transformers
from bitsandbytes.functional import dequantize_4bit, dequantize_blockwise, quantize_4bit
from diffusers import FluxPipeline
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
RUN = dict(prompt="a lighthouse on a cliff at dusk, oil painting", guidance_scale=3.5, height=32, width=32, num_inference_steps=3)


def unpacked(codes, state):
    """What the codes stand for. The kernel that bitsandbytes 0.50 has for CPUs takes the scale of the first block for all
    where blocks are wider than rows; elsewhere it must agree."""
    scales = dequantize_blockwise(state.absmax, state.state2) + state.offset if state.nested else state.absmax
    numbers = state.code[torch.stack([codes >> 4, codes & 15], -1).flatten().long()]
    back = (numbers * scales.repeat_interleave(state.blocksize)[: len(numbers)]).reshape(state.shape).to(state.dtype)
    if state.shape[1] % state.blocksize == 0: assert torch.equal(back, dequantize_4bit(codes, state))
    return back


def packed(name, weight, kind, nested, block=64):
    """The tensors that stand for a matrix in a file, and what they stand for."""
    codes, state = quantize_4bit(weight, blocksize=block, quant_type=kind, compress_statistics=nested)
    parts = {f"{name}.{k}": v for k, v in state.as_dict(packed=True).items()}
    return {name: codes} | parts, unpacked(codes, state)


def main():
    torch.manual_seed(4)
    folder = f"{HERE}/flux1-dev-nf4"; os.makedirs(folder, exist_ok=True)
    matrices, wanted = {}, {}
    for name, shape, dtype, kind, nested, block in (("plain", (40, 32), torch.float32, "nf4", False, 64), ("nested", (300, 96), torch.float32, "nf4", True, 64),
            ("fp4", (24, 128), torch.float32, "fp4", True, 128), ("half", (30, 64), torch.bfloat16, "nf4", True, 64)):
        parts, back = packed(f"{name}.weight", torch.randn(shape).to(dtype) * .3, kind, nested, block)
        matrices |= parts; wanted[f"{name}.weight"] = back
    save_file({k: v.contiguous() for k, v in matrices.items()}, f"{folder}/matrices.nf4")
    save_file(wanted, f"{folder}/unpacked.nf4")

    pipe = FluxPipeline.from_pretrained(f"{HERE}/flux1-dev", torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    for part, source in (("transformer", "diffusion_pytorch_model"), ("text_encoder_2", "model")):
        tensors, module = load_file(f"{HERE}/flux1-dev/{part}/{source}.safetensors"), getattr(pipe, part)
        for name, layer in module.named_modules():
            # transformers keeps this map of T5 in single precision.
            if not isinstance(layer, torch.nn.Linear) or name.endswith("DenseReluDense.wo"): continue
            parts, back = packed(f"{name}.weight", tensors.pop(f"{name}.weight"), "nf4", part == "transformer")
            tensors |= parts
            with torch.no_grad(): layer.weight.copy_(back)
        save_file({k: v.contiguous() for k, v in tensors.items()}, f"{folder}/{part}.nf4", metadata={"format": "pt"})
    noise, latents, results = load_file(f"{HERE}/flux1-dev/reference.safetensors")["txt2img.noise"], [], {}
    def note(p, i, t, d): latents.append(d["latents"].clone()); results[f"txt2img.timestep.{i}"] = torch.tensor(float(t)); return d
    with torch.no_grad(): image = pipe(**RUN, latents=noise.clone(), output_type="np", callback_on_step_end=note).images
    results |= {"txt2img.noise": noise, "txt2img.image": torch.from_numpy(image.astype("float32"))} | {f"txt2img.latents.{i}": l for i, l in enumerate(latents)}
    save_file({k: v.clone().contiguous() for k, v in results.items()}, f"{folder}/reference.safetensors")
    versions = {m.__name__: m.__version__.split("+")[0] for m in (torch, diffusers, transformers, bitsandbytes)}
    json.dump({"case": "flux1-dev-nf4", "runs": [{"run": "txt2img", "pipeline": "FluxPipeline", **RUN}], "base": "flux1-dev", "made_with": versions}, open(f"{folder}/case.json", "w"), indent=1)


if __name__ == "__main__":
    main()
