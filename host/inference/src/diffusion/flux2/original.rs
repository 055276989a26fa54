//! The names that Black Forest Labs gave the tensors of FLUX.2, for files that hold the transformer alone.

use serde_json::{Value, json};

use super::Flux2Config;
use crate::diffusion::checkpoint::Section;
use crate::diffusion::flux::joint_attention;
use crate::weights::{KeyMap, Loaded, WeightFiles};

/// The dimensions as a `config.json` of diffusers describes them, by the shapes of the tensors.
///
/// # Errors
/// A tensor is missing.
pub(in crate::diffusion) fn describe(section: Section<'_>) -> Loaded<Value> {
    let (width, channels) = (section.dim("img_in.weight", 0)?, section.dim("img_in.weight", 1)?);
    let norm = "double_blocks.0.img_attn.norm.key_norm";
    let head =
        section.dim(&format!("{norm}.scale"), 0).or_else(|_| section.dim(&format!("{norm}.weight"), 0))?;
    let inner = section.dim("double_blocks.0.img_mlp.2.weight", 1)?;
    Ok(json!({
        "_class_name": "Flux2Transformer2DModel",
        "in_channels": channels,
        "num_layers": section.count("double_blocks."),
        "num_single_layers": section.count("single_blocks."),
        "attention_head_dim": head,
        "num_attention_heads": width.checked_div(head).unwrap_or_default(),
        "joint_attention_dim": section.dim("txt_in.weight", 1)?,
        "mlp_ratio": inner as f64 / width.max(1) as f64,
        "timestep_guidance_channels": section.dim("time_in.in_layer.weight", 1)?,
        "guidance_embeds": section.has("guidance_in.in_layer.weight"),
    }))
}

/// The map from diffusers' names, for as many blocks as the configuration has.
pub(super) fn keys(config: &Flux2Config, files: &WeightFiles) -> KeyMap {
    // Some files end the names of norms in `weight`.
    let scaled = files.names().any(|name| name.ends_with("query_norm.scale"));
    let norm = |norm: String| format!("{norm}.{}", if scaled { "scale" } else { "weight" });
    let mut map = KeyMap::default();
    let time = "time_guidance_embed.timestep_embedder";
    for (name, stored) in [
        ("x_embedder", "img_in"),
        ("context_embedder", "txt_in"),
        ("proj_out", "final_layer.linear"),
        (&format!("{time}.linear_1"), "time_in.in_layer"),
        (&format!("{time}.linear_2"), "time_in.out_layer"),
        ("double_stream_modulation_img.linear", "double_stream_modulation_img.lin"),
        ("double_stream_modulation_txt.linear", "double_stream_modulation_txt.lin"),
        ("single_stream_modulation.linear", "single_stream_modulation.lin"),
    ] {
        map.layer(name, stored);
    }
    map.halves_exchanged("norm_out.linear", "final_layer.adaLN_modulation.1");
    for number in 0..config.joint_layers {
        let (name, stored) = (format!("transformer_blocks.{number}"), format!("double_blocks.{number}"));
        for (fed, stream) in [("ff", "img_mlp"), ("ff_context", "txt_mlp")] {
            map.layer(&format!("{name}.{fed}.linear_in"), &format!("{stored}.{stream}.0"));
            map.layer(&format!("{name}.{fed}.linear_out"), &format!("{stored}.{stream}.2"));
        }
        joint_attention(&mut map, &name, &stored, norm);
    }
    for number in 0..config.parallel_layers {
        let name = format!("single_transformer_blocks.{number}.attn");
        let stored = format!("single_blocks.{number}");
        map.layer(&format!("{name}.to_qkv_mlp_proj"), &format!("{stored}.linear1"));
        map.layer(&format!("{name}.to_out"), &format!("{stored}.linear2"));
        map.tensor(format!("{name}.norm_q.weight"), norm(format!("{stored}.norm.query_norm")));
        map.tensor(format!("{name}.norm_k.weight"), norm(format!("{stored}.norm.key_norm")));
    }
    map
}
