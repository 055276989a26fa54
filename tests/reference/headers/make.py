"""Writes the names and shapes of the tensors in published single files, at full size, from the model classes of diffusers
and transformers on the meta device. The makers' names are written here and held against diffusers' own conversions.

    python make.py FOLDER
"""

import gzip
import sys
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    Flux2Transformer2DModel,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    UNet2DConditionModel,
)
from diffusers.loaders import single_file_utils as published
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, T5Config, T5EncoderModel

UNETS = {
    "sd15": dict(cross_attention_dim=768, attention_head_dim=8),
    "sd21": dict(cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20], use_linear_projection=True),
    "sdxl": dict(
        block_out_channels=[320, 640, 1280],
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        transformer_layers_per_block=[1, 2, 10],
        cross_attention_dim=2048,
        attention_head_dim=[5, 10, 20],
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    ),
}
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def meta(make):
    with torch.device("meta"):
        return {name: list(tensor.shape) for name, tensor in make().state_dict().items()}


def ldm_unet(tensors, levels):
    last_up = {
        block: any(name.startswith(f"up_blocks.{block}.attentions") for name in tensors) for block in range(levels)
    }
    fixed = {
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
        "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
        "mid_block.attentions.0": "middle_block.1",
        "mid_block.resnets.0": "middle_block.0",
        "mid_block.resnets.1": "middle_block.2",
    }
    renamed = {}
    for name, shape in tensors.items():
        head = next((head for head in fixed if name.startswith(head + ".")), None)
        if head:
            place, rest = fixed[head], name[len(head) + 1 :]
        else:
            side, level, part, number, rest = name.split(".", 4)
            level, number = int(level), int(number)
            if part == "downsamplers":
                place, rest = f"input_blocks.{3 * (level + 1)}.0.op", rest.removeprefix("conv.")
            elif part == "upsamplers":
                place = f"output_blocks.{3 * level + 2}.{2 if last_up[level] else 1}"
            else:
                first = f"input_blocks.{3 * level + number + 1}" if side == "down_blocks" else None
                place = f"{first or f'output_blocks.{3 * level + number}'}.{1 if part == 'attentions' else 0}"
        inner = rest.split(".")[0]
        if inner in RESNET and "transformer_blocks" not in rest:
            rest = RESNET[inner] + rest[len(inner) :]
        renamed[f"{place}.{rest}"] = shape
    return renamed


def ldm_vae(tensors):
    renamed = {}
    for name, shape in tensors.items():
        for level in range(4):
            name = name.replace(f"decoder.up_blocks.{level}.", f"decoder.up.{3 - level}.")
        for old, new in [
            ("down_blocks.", "down."),
            ("resnets.", "block."),
            ("downsamplers.0.", "downsample."),
            ("upsamplers.0.", "upsample."),
            ("conv_shortcut", "nin_shortcut"),
            ("conv_norm_out", "norm_out"),
            ("mid_block.block.0.", "mid.block_1."),
            ("mid_block.block.1.", "mid.block_2."),
            ("mid_block.attentions.0.group_norm.", "mid.attn_1.norm."),
            ("mid_block.attentions.0.to_q.", "mid.attn_1.q."),
            ("mid_block.attentions.0.to_k.", "mid.attn_1.k."),
            ("mid_block.attentions.0.to_v.", "mid.attn_1.v."),
            ("mid_block.attentions.0.to_out.0.", "mid.attn_1.proj_out."),
        ]:
            name = name.replace(old, new)
        renamed[name] = shape + [1, 1] if "attn_1" in name and len(shape) == 2 else shape
    return renamed


def open_clip(width, layers):
    block = {
        "ln_1.weight": [width],
        "ln_1.bias": [width],
        "ln_2.weight": [width],
        "ln_2.bias": [width],
        "attn.in_proj_weight": [3 * width, width],
        "attn.in_proj_bias": [3 * width],
        "attn.out_proj.weight": [width, width],
        "attn.out_proj.bias": [width],
        "mlp.c_fc.weight": [4 * width, width],
        "mlp.c_fc.bias": [4 * width],
        "mlp.c_proj.weight": [width, 4 * width],
        "mlp.c_proj.bias": [width],
    }
    tensors = {f"transformer.resblocks.{n}.{name}": shape for n in range(layers) for name, shape in block.items()}
    return tensors | {
        "positional_embedding": [77, width],
        "token_embedding.weight": [49408, width],
        "ln_final.weight": [width],
        "ln_final.bias": [width],
        "text_projection": [width, width],
        "logit_scale": [],
    }


def clip_l(projected=False):
    config = CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, projection_dim=768
    )
    tensors = meta(lambda: (CLIPTextModelWithProjection if projected else CLIPTextModel)(config))
    # Newer versions of transformers leave out what published files have before the names.
    return {name if name.startswith("text_") else f"text_model.{name}": shape for name, shape in tensors.items()}


def clip_g():
    config = CLIPTextConfig(
        hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20, projection_dim=1280
    )
    return meta(lambda: CLIPTextModelWithProjection(config))


def t5():
    config = T5Config(
        vocab_size=32128, d_model=4096, d_ff=10240, num_layers=24, num_heads=64, d_kv=64, feed_forward_proj="gated-gelu"
    )
    tensors = meta(lambda: T5EncoderModel(config))
    tensors.pop("encoder.embed_tokens.weight", None)
    return tensors


def autoencoder(channels, convolutions):
    return ldm_vae(
        meta(
            lambda: AutoencoderKL(
                block_out_channels=[128, 256, 512, 512],
                down_block_types=["DownEncoderBlock2D"] * 4,
                up_block_types=["UpDecoderBlock2D"] * 4,
                layers_per_block=2,
                latent_channels=channels,
                use_quant_conv=convolutions,
                use_post_quant_conv=convolutions,
            )
        )
    )


def linear(name, out, into, bias=True):
    return {f"{name}.weight": [out, into]} | ({f"{name}.bias": [out]} if bias else {})


def flux():
    d = 3072
    tensors = {}
    for name, out, into in [
        ("img_in", d, 64),
        ("txt_in", d, 4096),
        ("time_in.in_layer", d, 256),
        ("time_in.out_layer", d, d),
        ("vector_in.in_layer", d, 768),
        ("vector_in.out_layer", d, d),
        ("guidance_in.in_layer", d, 256),
        ("guidance_in.out_layer", d, d),
        ("final_layer.linear", 64, d),
        ("final_layer.adaLN_modulation.1", 2 * d, d),
    ]:
        tensors |= linear(name, out, into)
    for n in range(19):
        for stream in ["img", "txt"]:
            block = f"double_blocks.{n}.{stream}"
            tensors |= linear(f"{block}_mod.lin", 6 * d, d) | linear(f"{block}_attn.qkv", 3 * d, d)
            tensors |= linear(f"{block}_attn.proj", d, d) | linear(f"{block}_mlp.0", 4 * d, d)
            tensors |= linear(f"{block}_mlp.2", d, 4 * d)
            tensors |= {f"{block}_attn.norm.{kind}_norm.scale": [128] for kind in ["query", "key"]}
    for n in range(38):
        block = f"single_blocks.{n}"
        tensors |= linear(f"{block}.linear1", 7 * d, d) | linear(f"{block}.linear2", d, 5 * d)
        tensors |= linear(f"{block}.modulation.lin", 3 * d, d)
        tensors |= {f"{block}.norm.{kind}_norm.scale": [128] for kind in ["query", "key"]}
    return tensors


def flux2_klein():
    d, tensors = 3072, {}
    for name, out, into in [
        ("img_in", d, 128),
        ("txt_in", d, 7680),
        ("time_in.in_layer", d, 256),
        ("time_in.out_layer", d, d),
        ("double_stream_modulation_img.lin", 6 * d, d),
        ("double_stream_modulation_txt.lin", 6 * d, d),
        ("single_stream_modulation.lin", 3 * d, d),
        ("final_layer.linear", 128, d),
        ("final_layer.adaLN_modulation.1", 2 * d, d),
    ]:
        tensors |= linear(name, out, into, bias=False)
    for n in range(5):
        for stream in ["img", "txt"]:
            block = f"double_blocks.{n}.{stream}"
            for name, out, into in [("attn.qkv", 3 * d, d), ("attn.proj", d, d), ("mlp.0", 6 * d, d), ("mlp.2", d, 3 * d)]:
                tensors |= linear(f"{block}_{name}", out, into, bias=False)
            tensors |= {f"{block}_attn.norm.{kind}_norm.scale": [128] for kind in ["query", "key"]}
    for n in range(20):
        block = f"single_blocks.{n}"
        tensors |= linear(f"{block}.linear1", 9 * d, d, bias=False) | linear(f"{block}.linear2", d, 4 * d, bias=False)
        tensors |= {f"{block}.norm.{kind}_norm.scale": [128] for kind in ["query", "key"]}
    return tensors


def control():
    """The names of a ControlNet's makers, and those of diffusers."""
    wanted = meta(lambda: ControlNetModel(cross_attention_dim=768))
    own = ("controlnet_down_blocks.", "controlnet_mid_block.", "controlnet_cond_embedding.")
    makers = ldm_unet({name: shape for name, shape in wanted.items() if not name.startswith(own)}, 4)
    for name, shape in wanted.items():
        part, _, rest = name.removeprefix("controlnet_cond_embedding.").partition(".")
        if name.startswith("controlnet_down_blocks."):
            number, rest = name.removeprefix("controlnet_down_blocks.").split(".")
            makers[f"zero_convs.{number}.0.{rest}"] = shape
        elif name.startswith("controlnet_mid_block."):
            makers["middle_block_out.0." + name.removeprefix("controlnet_mid_block.")] = shape
        elif part in ["conv_in", "conv_out"] and "cond_embedding" in name:
            makers[f"input_hint_block.{0 if part == 'conv_in' else 14}.{rest}"] = shape
        elif part == "blocks":
            number, rest = rest.split(".")
            makers[f"input_hint_block.{2 * int(number) + 2}.{rest}"] = shape
    makers = below("control_model.", makers)
    check(published.convert_controlnet_checkpoint(empty(makers), {"layers_per_block": 2}), wanted, "control")
    return makers, wanted


def sd35_large():
    d = 2432
    tensors = {"pos_embed": [1, 36864, d], "x_embedder.proj.weight": [d, 16, 2, 2], "x_embedder.proj.bias": [d]}
    for name, out, into in [
        ("context_embedder", d, 4096),
        ("t_embedder.mlp.0", d, 256),
        ("t_embedder.mlp.2", d, d),
        ("y_embedder.mlp.0", d, 2048),
        ("y_embedder.mlp.2", d, d),
        ("final_layer.linear", 64, d),
        ("final_layer.adaLN_modulation.1", 2 * d, d),
    ]:
        tensors |= linear(name, out, into)
    for n in range(38):
        for stream in ["x", "context"]:
            last = stream == "context" and n == 37
            block = f"joint_blocks.{n}.{stream}_block"
            tensors |= linear(f"{block}.adaLN_modulation.1", (2 if last else 6) * d, d)
            tensors |= linear(f"{block}.attn.qkv", 3 * d, d)
            tensors |= {f"{block}.attn.ln_{kind}.weight": [64] for kind in ["q", "k"]}
            if not last:
                tensors |= linear(f"{block}.attn.proj", d, d)
                tensors |= linear(f"{block}.mlp.fc1", 4 * d, d) | linear(f"{block}.mlp.fc2", d, 4 * d)
    return tensors


def below(prefix, tensors):
    return {f"{prefix}{name}": shape for name, shape in tensors.items()}


def check(converted, wanted, what):
    converted = {name: list(tensor.shape) for name, tensor in converted.items() if tensor is not None}
    strays = set(converted) ^ set(wanted)
    assert not strays, f"{what}: {sorted(strays)[:8]}"
    for name, shape in wanted.items():
        assert converted[name] == shape, f"{what}: {name} {converted[name]} {shape}"


def empty(tensors):
    return {name: torch.empty(shape, device="meta") for name, shape in tensors.items()}


def stable_diffusion(name):
    settings = dict(sample_size=64, **UNETS[name])
    unet = meta(lambda: UNet2DConditionModel(**settings))
    makers = below("model.diffusion_model.", ldm_unet(unet, len(settings.get("block_out_channels", range(4)))))
    config = {"layers_per_block": 2, **settings}
    check(published.convert_ldm_unet_checkpoint(empty(makers), config), unet, name)
    makers |= below("first_stage_model.", autoencoder(4, True))
    leftovers = ["betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_recipm1_alphas_cumprod", "posterior_variance"]
    makers |= {leftover: [1000] for leftover in leftovers}
    makers |= {"model_ema.decay": [], "model_ema.num_updates": [], "model_ema.diffusion_modelout2bias": [4]}
    if name == "sdxl":
        makers |= below("conditioner.embedders.0.transformer.", clip_l() | {
            "text_model.embeddings.position_ids": [1, 77]})
        return makers | below("conditioner.embedders.1.model.", open_clip(1280, 32)) | {"denoiser.sigmas": [1000]}
    if name == "sd21":
        return makers | below("cond_stage_model.model.", open_clip(1024, 24))
    return makers | below(
        "cond_stage_model.transformer.", clip_l() | {"text_model.embeddings.position_ids": [1, 77]}
    )


def transformers():
    makers = flux()
    wanted = meta(lambda: FluxTransformer2DModel(guidance_embeds=True))
    check(published.convert_flux_transformer_checkpoint_to_diffusers(empty(makers)), wanted, "flux")
    encoders = below("text_encoders.clip_l.transformer.", clip_l()) | below("text_encoders.t5xxl.transformer.", t5())
    yield "flux1-dev", below("model.diffusion_model.", makers) | encoders | below("vae.", autoencoder(16, False))
    makers = sd35_large()
    settings = dict(num_layers=38, num_attention_heads=38, attention_head_dim=64, caption_projection_dim=2432)
    wanted = meta(
        lambda: SD3Transformer2DModel(
            pos_embed_max_size=192, qk_norm="rms_norm", joint_attention_dim=4096, in_channels=16, **settings
        )
    )
    check(published.convert_sd3_transformer_checkpoint_to_diffusers(empty(makers)), wanted, "sd35-large")
    encoders = below("text_encoders.clip_l.transformer.", clip_l(True))
    encoders |= below("text_encoders.clip_g.transformer.", clip_g())
    encoders |= below("text_encoders.t5xxl.transformer.", t5())
    yield "sd35-large", below("model.diffusion_model.", makers) | encoders | below(
        "first_stage_model.", autoencoder(16, False)
    )


def write(folder, name, tensors):
    lines = [f"{key} {'x'.join(map(str, shape))}".strip() for key, shape in sorted(tensors.items())]
    packed = gzip.compress("\n".join(lines).encode(), 9, mtime=0)
    (folder / f"{name}.txt.gz").write_bytes(packed)
    print(name, len(lines), "tensors", len(packed), "bytes")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name in UNETS:
        write(folder, name, stable_diffusion(name))
    for name, tensors in transformers():
        write(folder, name, tensors)
    makers, diffusers = control()
    write(folder, "control-sd15", makers)
    write(folder, "control-sd15-diffusers", diffusers)
    makers = flux2_klein()
    wanted = meta(
        lambda: Flux2Transformer2DModel(
            num_layers=5, num_single_layers=20, num_attention_heads=24, joint_attention_dim=7680, guidance_embeds=False
        )
    )
    converted = published.convert_flux2_transformer_checkpoint_to_diffusers(empty(makers))
    check(converted, wanted, "flux2-klein")
    write(folder, "flux2-klein-4b", makers)
    statistics = {"bn.running_mean": [128], "bn.running_var": [128], "bn.num_batches_tracked": []}
    write(folder, "flux2-vae", autoencoder(32, True) | statistics)
