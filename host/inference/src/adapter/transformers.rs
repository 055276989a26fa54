//! Layers of FLUX and Stable Diffusion 3 as their makers name them, under diffusers' names (both joined by underscores).
//!
//! The makers keep one layer where diffusers keeps several side by side, in the same order of rows: queries, keys and
//! values of an attention, and in FLUX.1's single blocks the first map of the feed-forward network after them. Where
//! diffusers makes a scale before a shift, they make the shift first.

/// A layer of diffusers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Renamed {
    pub(super) layer: String,
    pub(super) rows: Rows,
}

/// Which rows a maker's layer has of the layer that computes one of diffusers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Those of diffusers' layer.
    Own,
    /// Those of all layers that a model computes together with it.
    Together,
    /// The first ones of these, as many as the maker's layer has.
    Leading,
    /// Those of diffusers' layer with both halves exchanged.
    Exchanged,
    /// The same if they are two vectors, which the text's last block makes; otherwise as they are.
    ExchangedAtTheEnd,
}

use Rows::{Exchanged, ExchangedAtTheEnd, Leading, Own, Together};

/// Names of layers within a block: the maker's, diffusers', and the rows.
type Names = [(&'static str, &'static str, Rows)];

const DOUBLE: &Names = &[
    ("img_attn_qkv", "attn_to_q", Together),
    ("img_attn_proj", "attn_to_out_0", Own),
    ("txt_attn_qkv", "attn_add_q_proj", Together),
    ("txt_attn_proj", "attn_to_add_out", Own),
    ("img_mlp_0", "ff_net_0_proj", Own),
    ("img_mlp_0", "ff_linear_in", Own),
    ("img_mlp_2", "ff_net_2", Own),
    ("img_mlp_2", "ff_linear_out", Own),
    ("txt_mlp_0", "ff_context_net_0_proj", Own),
    ("txt_mlp_0", "ff_context_linear_in", Own),
    ("txt_mlp_2", "ff_context_net_2", Own),
    ("txt_mlp_2", "ff_context_linear_out", Own),
    ("img_mod_lin", "norm1_linear", Own),
    ("txt_mod_lin", "norm1_context_linear", Own),
];

const SINGLE: &Names = &[
    ("linear1", "attn_to_q", Together),
    ("linear1", "attn_to_qkv_mlp_proj", Own),
    ("linear1_qkv", "attn_to_q", Leading),
    ("linear2", "proj_out", Own),
    ("linear2", "attn_to_out", Own),
    ("modulation_lin", "norm_linear", Own),
];

const JOINT: &Names = &[
    ("x_block_attn_qkv", "attn_to_q", Together),
    ("x_block_attn_proj", "attn_to_out_0", Own),
    ("x_block_attn2_qkv", "attn2_to_q", Together),
    ("x_block_attn2_proj", "attn2_to_out_0", Own),
    ("context_block_attn_qkv", "attn_add_q_proj", Together),
    ("context_block_attn_proj", "attn_to_add_out", Own),
    ("x_block_mlp_fc1", "ff_net_0_proj", Own),
    ("x_block_mlp_fc2", "ff_net_2", Own),
    ("context_block_mlp_fc1", "ff_context_net_0_proj", Own),
    ("context_block_mlp_fc2", "ff_context_net_2", Own),
    ("x_block_adaLN_modulation_1", "norm1_linear", Own),
    ("context_block_adaLN_modulation_1", "norm1_context_linear", ExchangedAtTheEnd),
];

/// Layers outside of blocks.
const FIXED: &Names = &[
    ("img_in", "x_embedder", Own),
    ("txt_in", "context_embedder", Own),
    ("time_in_in_layer", "time_text_embed_timestep_embedder_linear_1", Own),
    ("time_in_out_layer", "time_text_embed_timestep_embedder_linear_2", Own),
    ("vector_in_in_layer", "time_text_embed_text_embedder_linear_1", Own),
    ("vector_in_out_layer", "time_text_embed_text_embedder_linear_2", Own),
    ("guidance_in_in_layer", "time_text_embed_guidance_embedder_linear_1", Own),
    ("guidance_in_out_layer", "time_text_embed_guidance_embedder_linear_2", Own),
    ("time_in_in_layer", "time_guidance_embed_timestep_embedder_linear_1", Own),
    ("time_in_out_layer", "time_guidance_embed_timestep_embedder_linear_2", Own),
    ("guidance_in_in_layer", "time_guidance_embed_guidance_embedder_linear_1", Own),
    ("guidance_in_out_layer", "time_guidance_embed_guidance_embedder_linear_2", Own),
    ("double_stream_modulation_img_lin", "double_stream_modulation_img_linear", Own),
    ("double_stream_modulation_txt_lin", "double_stream_modulation_txt_linear", Own),
    ("single_stream_modulation_lin", "single_stream_modulation_linear", Own),
    ("x_embedder_proj", "pos_embed_proj", Own),
    ("t_embedder_mlp_0", "time_text_embed_timestep_embedder_linear_1", Own),
    ("t_embedder_mlp_2", "time_text_embed_timestep_embedder_linear_2", Own),
    ("y_embedder_mlp_0", "time_text_embed_text_embedder_linear_1", Own),
    ("y_embedder_mlp_2", "time_text_embed_text_embedder_linear_2", Own),
    ("final_layer_linear", "proj_out", Own),
    ("final_layer_adaLN_modulation_1", "norm_out_linear", Exchanged),
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
    fitting.map(|(_, name, rows)| Renamed { layer: format!("{prefix}{name}"), rows: *rows }).collect()
}
