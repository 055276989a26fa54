#!/usr/bin/env python3
"""Makes the cases `flux1-dev-lora`, `sd35-lora` and `flux2-klein-lora`: adapters of the transformers and text encoders of
the small checkpoints beside this file, each in diffusers' layout and in that of the models' makers, and what diffusers
paints with them on a CPU in float32.

    pip install torch diffusers transformers peft accelerate safetensors sentencepiece protobuf
    python transformer_adapters.py [case ...]
"""
import json, os, sys
import torch, diffusers, peft, transformers
from diffusers import Flux2KleinPipeline, FluxPipeline, StableDiffusion3Pipeline
from peft import LoraConfig, inject_adapter_in_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))
ALPHA = 6.0
PROMPT, NEGATIVE = "a lighthouse on a cliff at dusk, oil painting", "blurry, low quality"

# Layers of diffusers that are rows of one layer of the makers, in order.
QKV = ["attn.to_q", "attn.to_k", "attn.to_v"]
ADDED = ["attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"]
AGAIN = ["attn2.to_q", "attn2.to_k", "attn2.to_v"]


def flux_blocks(joint, single, inner, fused):
    table = {}
    for n in range(joint):
        own, to = f"transformer_blocks.{n}", f"double_blocks.{n}"
        table |= {f"{to}.img_attn.qkv": [f"{own}.{p}" for p in QKV], f"{to}.txt_attn.qkv": [f"{own}.{p}" for p in ADDED],
                  f"{to}.img_attn.proj": [f"{own}.attn.to_out.0"], f"{to}.txt_attn.proj": [f"{own}.attn.to_add_out"],
                  f"{to}.img_mlp.0": [f"{own}.ff.{inner[0]}"], f"{to}.img_mlp.2": [f"{own}.ff.{inner[1]}"],
                  f"{to}.txt_mlp.0": [f"{own}.ff_context.{inner[0]}"], f"{to}.txt_mlp.2": [f"{own}.ff_context.{inner[1]}"],
                  f"{to}.img_mod.lin": [f"{own}.norm1.linear"], f"{to}.txt_mod.lin": [f"{own}.norm1_context.linear"]}
    for n in range(single):
        own, to = f"single_transformer_blocks.{n}", f"single_blocks.{n}"
        table |= {f"{to}.linear1": [f"{own}.attn.to_qkv_mlp_proj"] if fused else [f"{own}.{p}" for p in QKV + ["proj_mlp"]],
                  f"{to}.linear2": [f"{own}.attn.to_out" if fused else f"{own}.proj_out"],
                  f"{to}.modulation.lin": [f"{own}.norm.linear"]}
    return table | {"img_in": ["x_embedder"], "txt_in": ["context_embedder"], "final_layer.linear": ["proj_out"],
                    "final_layer.adaLN_modulation.1": ["norm_out.linear"]}


def flux1_layers():
    table = flux_blocks(2, 2, ("net.0.proj", "net.2"), False)
    for own, to in (("timestep", "time"), ("guidance", "guidance"), ("text", "vector")):
        for own_part, part in (("linear_1", "in_layer"), ("linear_2", "out_layer")):
            table[f"{to}_in.{part}"] = [f"time_text_embed.{own}_embedder.{own_part}"]
    return table


def flux2_layers():
    table = flux_blocks(2, 3, ("linear_in", "linear_out"), True)
    for own_part, part in (("linear_1", "in_layer"), ("linear_2", "out_layer")):
        table[f"time_in.{part}"] = [f"time_guidance_embed.timestep_embedder.{own_part}"]
    for name in ("double_stream_modulation_img", "double_stream_modulation_txt", "single_stream_modulation"):
        table[f"{name}.lin"] = [f"{name}.linear"]
    return table


def sd3_layers():
    table = {"x_embedder.proj": ["pos_embed.proj"], "context_embedder": ["context_embedder"], "final_layer.linear": ["proj_out"],
             "final_layer.adaLN_modulation.1": ["norm_out.linear"]}
    for own, to in (("timestep", "t"), ("text", "y")):
        for own_part, part in (("linear_1", "0"), ("linear_2", "2")):
            table[f"{to}_embedder.mlp.{part}"] = [f"time_text_embed.{own}_embedder.{own_part}"]
    for n in range(3):
        own, to = f"transformer_blocks.{n}", f"joint_blocks.{n}"
        x, c = f"{to}.x_block", f"{to}.context_block"
        table |= {f"{x}.attn.qkv": [f"{own}.{p}" for p in QKV], f"{c}.attn.qkv": [f"{own}.{p}" for p in ADDED],
                  f"{x}.attn2.qkv": [f"{own}.{p}" for p in AGAIN], f"{x}.attn2.proj": [f"{own}.attn2.to_out.0"],
                  f"{x}.attn.proj": [f"{own}.attn.to_out.0"], f"{c}.attn.proj": [f"{own}.attn.to_add_out"],
                  f"{x}.mlp.fc1": [f"{own}.ff.net.0.proj"], f"{x}.mlp.fc2": [f"{own}.ff.net.2"],
                  f"{c}.mlp.fc1": [f"{own}.ff_context.net.0.proj"], f"{c}.mlp.fc2": [f"{own}.ff_context.net.2"],
                  f"{x}.adaLN_modulation.1": [f"{own}.norm1.linear"], f"{c}.adaLN_modulation.1": [f"{own}.norm1_context.linear"]}
    return table


ATTENTION = r".*(attn2?\.(to_[qkv]|add_[qkv]_proj|to_out\.0|to_add_out)|attn\.to_qkv_mlp_proj)|single_transformer_blocks\.\d+\.attn\.to_out"
FED = r".*(ff(_context)?\.(net\.0\.proj|net\.2|linear_in|linear_out)|proj_mlp|single_transformer_blocks\.\d+\.proj_out)"
STEERING = r".*(norm1|norm1_context|norm|norm_out|_modulation(_img|_txt)?)\.linear|(x_embedder|pos_embed\.proj|context_embedder|proj_out)|.*_embedder\.linear_[12]"
CASES = {
    "flux1-dev": dict(pipeline=FluxPipeline, layers=flux1_layers, swapped=("norm_out.linear",), style="kohya",
                      texts={"text_encoder": r".*(q_proj|k_proj|out_proj|fc1)", "text_encoder_2": r".*(SelfAttention\.(q|v|o)|wi_0|wo)"},
                      run=dict(prompt=PROMPT, guidance_scale=3.5, height=32, width=32)),
    "sd35": dict(pipeline=StableDiffusion3Pipeline, layers=sd3_layers, style="kohya",
                 swapped=("norm_out.linear", "transformer_blocks.2.norm1_context.linear"),
                 texts={"text_encoder": r".*(v_proj|fc2)", "text_encoder_2": r".*(q_proj|fc1)", "text_encoder_3": r".*(SelfAttention\.(k|o)|wi_1)"},
                 run=dict(prompt=PROMPT, negative_prompt=NEGATIVE, guidance_scale=4.5, height=32, width=32)),
    "flux2-klein": dict(pipeline=Flux2KleinPipeline, layers=flux2_layers, swapped=("norm_out.linear",), style="bfl",
                        texts={"text_encoder": r"model\.layers\.(0|5|12|20|26)\.(self_attn\.(q_proj|v_proj|o_proj)|mlp\.(up_proj|down_proj))"},
                        run=dict(prompt=PROMPT, guidance_scale=1.0, height=64, width=64)),
}
STEPS = 3


def makers(changes, case, rank):
    """The same changes by the makers' names: (layer, down, up) of each; layers that are one there are joined."""
    def get(layer):
        if f"{layer}.lora_A.weight" not in changes: return None
        down, up = changes[f"{layer}.lora_A.weight"], changes[f"{layer}.lora_B.weight"]
        if layer in case["swapped"]: up = torch.cat(up.chunk(2)[::-1])
        return down, up
    done, out = set(), []
    for to, parts in case["layers"]().items():
        factors = [get(part) for part in parts]
        if all(f is None for f in factors): continue
        assert None not in factors, (to, parts)
        done.update(parts)
        if len(factors) == 1: out.append((to, *factors[0])); continue
        out.append((to, torch.cat([d for d, _ in factors]), torch.block_diag(*[u for _, u in factors])))
    missed = {k.rsplit(".lora_", 1)[0] for k in changes} - done
    assert not missed, missed
    return out


def main(names):
    for name in names or CASES:
        case, torch_seed = CASES[name], sum(map(ord, name))
        torch.manual_seed(torch_seed)
        pipe = case["pipeline"].from_pretrained(f"{HERE}/{name}", torch_dtype=torch.float32)
        pipe.set_progress_bar_config(disable=True)
        folder = f"{HERE}/{name}-lora"; os.makedirs(folder, exist_ok=True)
        noise = load_file(f"{HERE}/{name}/reference.safetensors")["txt2img.noise"]
        adapters = {"a": dict(transformer=(4, f"({ATTENTION})|({FED})")), "b": dict(transformer=(2, STEERING)), "t": {part: (2, layers) for part, layers in case["texts"].items()}}
        for which, parts in adapters.items():
            diffs, notes, other = {}, {}, {}
            for part, (rank, layers) in parts.items():
                module, config = getattr(pipe, part), LoraConfig(r=rank, lora_alpha=ALPHA, init_lora_weights=False, target_modules=layers)
                inject_adapter_in_model(config, module, adapter_name=which)
                with torch.no_grad():
                    for n, p in module.named_parameters():
                        if f".{which}." in n: p.copy_(torch.randn_like(p) * (.15 if "lora_A" in n else .1))
                changes = {k: v.contiguous() for k, v in get_peft_model_state_dict(module, adapter_name=which).items()}
                diffs |= {f"{part}.{k}": v for k, v in changes.items()}
                notes |= {f"{part}.r": rank, f"{part}.lora_alpha": ALPHA}
                number = {"transformer": "unet", "text_encoder": "te1", "text_encoder_2": "te2", "text_encoder_3": "te3"}[part]
                plain = [(k.rsplit(".lora_", 1)[0], v, changes[k.replace("lora_A", "lora_B")]) for k, v in changes.items() if ".lora_A." in k]
                for layer, down, up in makers(changes, case, rank) if part == "transformer" else plain:
                    joined = len(down) // rank
                    if case["style"] == "kohya" or part != "transformer":
                        key = f"lora_{number}_{layer.replace('.', '_')}"
                        other |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": torch.tensor(ALPHA * joined)}
                    else:
                        other |= {f"diffusion_model.{layer}.lora_A.weight": down, f"diffusion_model.{layer}.lora_B.weight": up * (ALPHA / rank)}
            save_file(diffs, f"{folder}/{name}-{which}.diffusers.safetensors", metadata={"format": "pt", "lora_adapter_metadata": json.dumps(notes)})
            save_file({k: v.contiguous() for k, v in other.items()}, f"{folder}/{name}-{which}.{case['style']}.safetensors")
        tensors, runs = {}, []
        for run, weights in (("a-1.0", dict(a=1.0)), ("a0.7-bminus0.3", dict(a=.7, b=-.3)), ("t1.0-b0.5", dict(t=1.0, b=.5)), ("none", {})):
            for part in {part for parts in adapters.values() for part in parts}:
                on = {w: s for w, s in weights.items() if part in adapters[w]}
                module = getattr(pipe, part)
                for layer in module.modules():
                    if isinstance(layer, peft.tuners.tuners_utils.BaseTunerLayer):
                        layer.enable_adapters(bool(on))
                        if on:
                            mine = [w for w in on if w in layer.lora_A]
                            layer.set_adapter(mine)
                            for w in mine: layer.set_scale(w, on[w])
            latents = []
            def note(p, i, t, d): latents.append(d["latents"].clone()); tensors[f"{run}.timestep.{i}"] = torch.tensor(float(t)); return d
            with torch.no_grad():
                image = pipe(**case["run"], latents=noise.clone(), num_inference_steps=STEPS, output_type="np", callback_on_step_end=note).images
            tensors |= {f"{run}.noise": noise, f"{run}.image": torch.from_numpy(image.astype("float32"))} | {f"{run}.latents.{i}": l for i, l in enumerate(latents)}
            runs.append({"run": run, "pipeline": type(pipe).__name__, "num_inference_steps": STEPS, **case["run"], **({"adapters": weights} if weights else {})})
        save_file({k: v.clone().contiguous() for k, v in tensors.items()}, f"{folder}/reference.safetensors")
        versions = {m.__name__: m.__version__.split("+")[0] for m in (torch, diffusers, transformers, peft)}
        json.dump({"case": f"{name}-lora", "runs": runs, "base": name, "prefix": f"{name}-", "layouts": ["diffusers", case["style"]], "made_with": versions}, open(f"{folder}/case.json", "w"), indent=1)
        last = {r["run"]: tensors[f"{r['run']}.latents.{STEPS - 1}"] for r in runs}
        print(name, {r: f"{((v - last['none']).abs().max() / last['none'].std()).item():.3f}" for r, v in last.items()})


if __name__ == "__main__":
    main(sys.argv[1:])
