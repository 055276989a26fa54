//! Layers of FLUX and Stable Diffusion 3 as their makers name them, under diffusers' names (both joined by underscores).
//!
//! The makers keep one layer where diffusers keeps several side by side, in the same order of rows: queries, keys and
//! values of an attention, and in FLUX.1's single blocks the first map of the feed-forward network after them.

/// A layer of diffusers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Renamed {
    pub(super) layer: String,
    /// True if it stands for all layers that a model computes together with it.
    pub(super) joined: bool,
}

/// Names of layers within a block: the maker's, diffusers', and whether that stands for several.
type Names = [(&'static str, &'static str, bool)];

const DOUBLE: &Names = &[
    ("img_attn_qkv", "attn_to_q", true),
    ("img_attn_proj", "attn_to_out_0", false),
    ("txt_attn_qkv", "attn_add_q_proj", true),
    ("txt_attn_proj", "attn_to_add_out", false),
    ("img_mlp_0", "ff_net_0_proj", false),
    ("img_mlp_0", "ff_linear_in", false),
    ("img_mlp_2", "ff_net_2", false),
    ("img_mlp_2", "ff_linear_out", false),
    ("txt_mlp_0", "ff_context_net_0_proj", false),
    ("txt_mlp_0", "ff_context_linear_in", false),
    ("txt_mlp_2", "ff_context_net_2", false),
    ("txt_mlp_2", "ff_context_linear_out", false),
    ("img_mod_lin", "norm1_linear", false),
    ("txt_mod_lin", "norm1_context_linear", false),
];

const SINGLE: &Names = &[
    ("linear1", "attn_to_q", true),
    ("linear1", "attn_to_qkv_mlp_proj", false),
    ("linear2", "proj_out", false),
    ("linear2", "attn_to_out", false),
    ("modulation_lin", "norm_linear", false),
];

const JOINT: &Names = &[
    ("x_block_attn_qkv", "attn_to_q", true),
    ("x_block_attn_proj", "attn_to_out_0", false),
    ("x_block_attn2_qkv", "attn2_to_q", true),
    ("x_block_attn2_proj", "attn2_to_out_0", false),
    ("context_block_attn_qkv", "attn_add_q_proj", true),
    ("context_block_attn_proj", "attn_to_add_out", false),
    ("x_block_mlp_fc1", "ff_net_0_proj", false),
    ("x_block_mlp_fc2", "ff_net_2", false),
    ("context_block_mlp_fc1", "ff_context_net_0_proj", false),
    ("context_block_mlp_fc2", "ff_context_net_2", false),
    ("x_block_adaLN_modulation_1", "norm1_linear", false),
    ("context_block_adaLN_modulation_1", "norm1_context_linear", false),
];

/// Layers outside of blocks, the same in all models that have them.
const FIXED: &Names = &[
    ("img_in", "x_embedder", false),
    ("txt_in", "context_embedder", false),
    ("time_in_in_layer", "time_text_embed_timestep_embedder_linear_1", false),
    ("time_in_out_layer", "time_text_embed_timestep_embedder_linear_2", false),
    ("vector_in_in_layer", "time_text_embed_text_embedder_linear_1", false),
    ("vector_in_out_layer", "time_text_embed_text_embedder_linear_2", false),
    ("guidance_in_in_layer", "time_text_embed_guidance_embedder_linear_1", false),
    ("guidance_in_out_layer", "time_text_embed_guidance_embedder_linear_2", false),
    ("final_layer_linear", "proj_out", false),
];

/// The layers of diffusers that a maker's layer may be, of which a model has one; empty if this is no maker's name.
pub(super) fn to_diffusers(layer: &str) -> Vec<Renamed> {
    for (maker, diffusers, names) in [
        ("double_blocks_", "transformer_blocks_", DOUBLE),
        ("single_blocks_", "single_transformer_blocks_", SINGLE),
        ("joint_blocks_", "transformer_blocks_", JOINT),
    ] {
        let Some((block, inner)) = layer.strip_prefix(maker).and_then(|rest| rest.split_once('_')) else {
            continue;
        };
        return renamed(names, inner, &format!("{diffusers}{block}_"));
    }
    renamed(FIXED, layer, "")
}

fn renamed(names: &Names, layer: &str, prefix: &str) -> Vec<Renamed> {
    let fitting = names.iter().filter(|(maker, _, _)| *maker == layer);
    fitting.map(|(_, name, joined)| Renamed { layer: format!("{prefix}{name}"), joined: *joined }).collect()
}
