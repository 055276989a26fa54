"""Makes the models that the painting comparisons run: the published sizes with random weights, once.

The configurations are those of the published models (huggingface.co: stable-diffusion-v1-5, stable-diffusion-xl-base-1.0,
black-forest-labs/FLUX.2-klein-4B); the weights are what diffusers begins training with. Files hold half precision, as
published ones do.
"""

import json
import shutil

import torch

ATTENTION, PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"
UP_ATTENTION, UP_PLAIN = "CrossAttnUpBlock2D", "UpBlock2D"

SD15_UNET = dict(
    sample_size=64, cross_attention_dim=768, attention_head_dim=8, block_out_channels=(320, 640, 1280, 1280),
    down_block_types=(ATTENTION, ATTENTION, ATTENTION, PLAIN),
    up_block_types=(UP_PLAIN, UP_ATTENTION, UP_ATTENTION, UP_ATTENTION),
)
SDXL_UNET = dict(
    sample_size=128, cross_attention_dim=2048, attention_head_dim=(5, 10, 20), block_out_channels=(320, 640, 1280),
    down_block_types=(PLAIN, ATTENTION, ATTENTION), up_block_types=(UP_ATTENTION, UP_ATTENTION, UP_PLAIN),
    transformer_layers_per_block=(1, 2, 10), use_linear_projection=True, addition_embed_type="text_time",
    addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
)
VAE = dict(
    sample_size=512, block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
    down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, scaling_factor=0.18215,
)
KLEIN = dict(
    in_channels=128, num_layers=5, num_single_layers=20, attention_head_dim=128, num_attention_heads=24,
    joint_attention_dim=7680, mlp_ratio=3.0, axes_dims_rope=(32, 32, 32, 32), rope_theta=2000, guidance_embeds=False,
)


def made(folder, make, dtype):
    """The folder of a component, which is made if it is not there."""
    if not folder.exists():
        part = folder.with_suffix(".part")
        torch.manual_seed(1)
        torch.set_default_dtype(dtype)
        make().to(dtype).save_pretrained(part)
        torch.set_default_dtype(torch.float32)
        part.rename(folder)
    return folder


def sd15_unet(root):
    from diffusers import UNet2DConditionModel

    return made(root / "sd15" / "unet", lambda: UNet2DConditionModel(**SD15_UNET), torch.float16)


def sdxl_unet(root):
    from diffusers import UNet2DConditionModel

    return made(root / "sdxl-unet", lambda: UNet2DConditionModel(**SDXL_UNET), torch.float16)


def vae(root):
    from diffusers import AutoencoderKL

    return made(root / "sd15" / "vae", lambda: AutoencoderKL(**VAE), torch.float16)


def klein(root):
    from diffusers import Flux2Transformer2DModel

    return made(root / "klein", lambda: Flux2Transformer2DModel(**KLEIN), torch.bfloat16)


def sd15(root, tokenizer):
    """A whole model; `tokenizer` is a folder with CLIP's vocabulary or a smaller one, which is copied."""
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
    )
    folder = root / "sd15"
    sd15_unet(root)
    vae(root)
    made(folder / "text_encoder", lambda: CLIPTextModel(config), torch.float16)
    shutil.copytree(tokenizer, folder / "tokenizer", dirs_exist_ok=True)
    scheduler = dict(
        _class_name="DDIMScheduler", num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012,
        beta_schedule="scaled_linear", steps_offset=1, clip_sample=False, set_alpha_to_one=False,
    )
    index = dict(
        _class_name="StableDiffusionPipeline", scheduler=["diffusers", "DDIMScheduler"],
        text_encoder=["transformers", "CLIPTextModel"], tokenizer=["transformers", "CLIPTokenizer"],
        unet=["diffusers", "UNet2DConditionModel"], vae=["diffusers", "AutoencoderKL"],
        safety_checker=[None, None], feature_extractor=[None, None], requires_safety_checker=False,
    )
    (folder / "scheduler").mkdir(exist_ok=True)
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder
