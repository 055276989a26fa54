//! The names that Black Forest Labs gave the tensors of FLUX.1, for files that hold the transformer alone.

use serde_json::{Value, json};

use super::FluxConfig;
use crate::diffusion::checkpoint::Section;
use crate::weights::{KeyMap, Loaded};

/// Outputs of a parallel block's first map, in hidden widths: queries, keys, values and four of inner states.
const PARALLEL_PARTS: usize = 7;

/// The dimensions as a `config.json` of diffusers describes them, by the shapes of the tensors.
///
/// # Errors
/// A tensor is missing, or the network takes in more than noise and text.
pub(in crate::diffusion) fn describe(section: Section<'_>) -> Loaded<Value> {
    let (width, channels) = (section.dim("img_in.weight", 0)?, section.dim("img_in.weight", 1)?);
    let made = section.dim("final_layer.linear.weight", 0)?;
    if channels != made {
        let problem = format!(
            "takes in {channels} channels and gives {made}: it is FLUX.1 Fill, Depth, Canny or a like model, which \
             this version can't run"
        );
        return Err(section.problem(problem));
    }
    let norm = "double_blocks.0.img_attn.norm.key_norm";
    let head =
        section.dim(&format!("{norm}.scale"), 0).or_else(|_| section.dim(&format!("{norm}.weight"), 0))?;
    Ok(json!({
        "_class_name": "FluxTransformer2DModel",
        "in_channels": channels,
        "num_layers": section.count("double_blocks."),
        "num_single_layers": section.count("single_blocks."),
        "attention_head_dim": head,
        "num_attention_heads": width.checked_div(head).unwrap_or_default(),
        "joint_attention_dim": section.dim("txt_in.weight", 1)?,
        "pooled_projection_dim": section.dim("vector_in.in_layer.weight", 1)?,
        "guidance_embeds": section.has("guidance_in.in_layer.weight"),
    }))
}

/// The map from diffusers' names, for as many blocks as the configuration has.
pub(super) fn keys(config: &FluxConfig) -> KeyMap {
    let mut map = KeyMap::default();
    for (name, stored) in
        [("x_embedder", "img_in"), ("context_embedder", "txt_in"), ("proj_out", "final_layer.linear")]
    {
        map.layer(name, stored);
    }
    for (name, stored) in [
        ("timestep_embedder", "time_in"),
        ("guidance_embedder", "guidance_in"),
        ("text_embedder", "vector_in"),
    ] {
        map.layer(&format!("time_text_embed.{name}.linear_1"), &format!("{stored}.in_layer"));
        map.layer(&format!("time_text_embed.{name}.linear_2"), &format!("{stored}.out_layer"));
    }
    map.halves_exchanged("norm_out.linear", "final_layer.adaLN_modulation.1");
    for number in 0..config.joint_layers {
        joint(&mut map, &format!("transformer_blocks.{number}"), &format!("double_blocks.{number}"));
    }
    for number in 0..config.parallel_layers {
        let name = |part: &str| format!("single_transformer_blocks.{number}.{part}");
        let stored = |part: &str| format!("single_blocks.{number}.{part}");
        map.layer(&name("norm.linear"), &stored("modulation.lin"));
        for (part, projection) in ["attn.to_q", "attn.to_k", "attn.to_v"].into_iter().enumerate() {
            map.share(&name(projection), &stored("linear1"), part..part + 1, PARALLEL_PARTS);
        }
        map.share(&name("proj_mlp"), &stored("linear1"), 3..PARALLEL_PARTS, PARALLEL_PARTS);
        map.layer(&name("proj_out"), &stored("linear2"));
        map.tensor(name("attn.norm_q.weight"), stored("norm.query_norm.scale"));
        map.tensor(name("attn.norm_k.weight"), stored("norm.key_norm.scale"));
    }
    map
}

fn joint(map: &mut KeyMap, name: &str, stored: &str) {
    for (modulator, fed, stream) in [("norm1", "ff", "img"), ("norm1_context", "ff_context", "txt")] {
        map.layer(&format!("{name}.{modulator}.linear"), &format!("{stored}.{stream}_mod.lin"));
        map.layer(&format!("{name}.{fed}.net.0.proj"), &format!("{stored}.{stream}_mlp.0"));
        map.layer(&format!("{name}.{fed}.net.2"), &format!("{stored}.{stream}_mlp.2"));
    }
    joint_attention(map, name, stored, |norm| format!("{norm}.scale"));
}

/// The attention of a joint block, whose norms FLUX.1 and FLUX.2 name alike but for the last word.
pub(in crate::diffusion) fn joint_attention(
    map: &mut KeyMap,
    name: &str,
    stored: &str,
    norm: impl Fn(String) -> String,
) {
    for (stream, qkv, norms, out) in [
        ("img", ["to_q", "to_k", "to_v"], ["norm_q", "norm_k"], "to_out.0"),
        ("txt", ["add_q_proj", "add_k_proj", "add_v_proj"], ["norm_added_q", "norm_added_k"], "to_add_out"),
    ] {
        let stored = format!("{stored}.{stream}_attn");
        map.shares(&qkv.map(|part| format!("{name}.attn.{part}")), &format!("{stored}.qkv"));
        map.layer(&format!("{name}.attn.{out}"), &format!("{stored}.proj"));
        for (part, kind) in norms.into_iter().zip(["query_norm", "key_norm"]) {
            map.tensor(format!("{name}.attn.{part}.weight"), norm(format!("{stored}.norm.{kind}")));
        }
    }
}
