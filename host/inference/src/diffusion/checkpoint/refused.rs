//! Files that are known, and that this version can't run: what they are is told by a tensor that each of them has.

use super::section::Section;

/// Names of tensors, and what files that have them are.
const KNOWN: [(&str, &str); 33] = [
    ("input_blocks.1.0.time_stack.in_layers.0.weight", "Stable Video Diffusion"),
    ("time_pos_embed.0.weight", "Stable Video Diffusion"),
    ("layers.0.adaLN_modulation.0.weight", "Z-Image"),
    ("cap_embedder.0.weight", "Lumina 2 or Z-Image"),
    ("clip_txt_mapper.weight", "Stable Cascade"),
    ("down_blocks.1.0.channelwise.0.weight", "Stable Cascade"),
    ("distilled_guidance_layer.in_proj.bias", "Chroma"),
    ("cond_seq_linear.weight", "AuraFlow"),
    ("txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias", "HunyuanVideo"),
    ("double_stream_blocks.0.block.adaLN_modulation.1.bias", "HiDream"),
    ("transformer_blocks.0.img_mod.1.weight", "Qwen-Image"),
    ("patchify_proj.weight", "LTX-Video"),
    ("blocks.0.attn.qkv_x.weight", "Mochi"),
    ("blocks.0.cross_attn.kv_linear.weight", "Sana or PixArt"),
    ("head.modulation", "Wan"),
    ("decoder.middle.0.residual.0.gamma", "the autoencoder of Wan"),
    ("blocks.0.self_attn.q_proj.weight", "Cosmos"),
    ("blocks.block1.blocks.0.block.attn.to_q.0.weight", "Cosmos"),
    ("decoder.stages.1.op_list.0.main.conv.conv.bias", "a deep-compression autoencoder"),
    ("early_stream_modulations.image.lin.weight", "FLUX.3"),
    ("txtfusion.projector.weight", "Krea 2"),
    ("image_proj.proj.weight", "an IP-Adapter"),
    ("image_proj.latents", "an IP-Adapter"),
    ("down_blocks.0.motion_modules.0.temporal_transformer.norm.weight", "a motion module of AnimateDiff"),
    ("vision_model.embeddings.patch_embedding.weight", "an image encoder of CLIP"),
    ("visual.conv1.weight", "an image encoder of CLIP"),
    ("decoder.layers.0.weight", "a tiny autoencoder (TAESD)"),
    ("taesd_decoder.1.weight", "a tiny autoencoder (TAESD)"),
    ("adapter.body.0.resnets.0.block1.weight", "a T2I-Adapter"),
    ("body.0.block1.weight", "a T2I-Adapter"),
    ("controlnet_x_embedder.weight", "a ControlNet for FLUX.1"),
    ("controlnet_blocks.0.weight", "a ControlNet for a transformer"),
    ("control_all_x_embedder.2-1.weight", "a ControlNet for Z-Image"),
];
/// What networks are that take more channels than latents have, by their number.
const INPUTS: [(usize, &str); 4] = [
    (5, "a model that is steered by depth"),
    (7, "the upscaler of Stable Diffusion"),
    (8, "InstructPix2Pix"),
    (13, "a model that is steered by pictures"),
];
/// Width of what the refiner's network is told besides time and text.
const REFINER_WIDTH: usize = 2560;

/// What a file is whose tensors begin after one of some prefixes; none if it is nothing of the kind.
pub(super) fn name<'a>(sections: impl Iterator<Item = Section<'a>>) -> Option<&'static str> {
    sections
        .flat_map(|section| KNOWN.iter().map(move |known| (section, known)))
        .find_map(|(section, (tensor, name))| section.has(tensor).then_some(*name))
}

/// What a UNet is that is known but not supported.
pub(super) fn unet_name(section: Section<'_>) -> Option<&'static str> {
    if section.dim("label_emb.0.0.weight", 1) == Ok(REFINER_WIDTH) {
        return Some("the refiner of Stable Diffusion XL");
    }
    let inputs = section.dim(super::unet::MARK, 1).ok()?;
    INPUTS.iter().find(|(channels, _)| *channels == inputs).map(|(_, name)| *name)
}
