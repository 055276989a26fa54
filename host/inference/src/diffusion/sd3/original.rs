//! The names that Stability AI gave the tensors of Stable Diffusion 3, for files that hold the transformer alone.

use serde_json::{Value, json};

use super::Sd3Config;
use crate::diffusion::checkpoint::Section;
use crate::weights::{KeyMap, Loaded};

/// Width of a head in all published models.
const HEAD_WIDTH: usize = 64;
/// Latent edge of the pictures that they were trained on.
const SAMPLE_SIZE: usize = 128;

/// The dimensions as a `config.json` of diffusers describes them, by the shapes of the tensors.
///
/// # Errors
/// A tensor is missing.
pub(in crate::diffusion) fn describe(section: Section<'_>) -> Loaded<Value> {
    let width = section.dim("x_embedder.proj.weight", 0)?;
    let layers = section.count("joint_blocks.");
    let of = |number: usize, name: &str| section.has(&format!("joint_blocks.{number}.x_block.{name}.weight"));
    Ok(json!({
        "_class_name": "SD3Transformer2DModel",
        "sample_size": SAMPLE_SIZE,
        "in_channels": section.dim("x_embedder.proj.weight", 1)?,
        "num_layers": layers,
        "attention_head_dim": HEAD_WIDTH,
        "num_attention_heads": width / HEAD_WIDTH,
        "caption_projection_dim": width,
        "joint_attention_dim": section.dim("context_embedder.weight", 1)?,
        "pooled_projection_dim": section.dim("y_embedder.mlp.0.weight", 1)?,
        "pos_embed_max_size": section.dim("pos_embed", 1)?.isqrt(),
        "qk_norm": of(0, "attn.ln_q").then_some("rms_norm"),
        "dual_attention_layers": (0..layers).filter(|number| of(*number, "attn2.qkv")).collect::<Vec<_>>(),
    }))
}

/// The map from diffusers' names, for as many blocks as the configuration has.
pub(super) fn keys(config: &Sd3Config) -> KeyMap {
    let mut map = KeyMap::default();
    map.tensor("pos_embed.pos_embed", "pos_embed");
    for (name, stored) in [
        ("pos_embed.proj", "x_embedder.proj"),
        ("context_embedder", "context_embedder"),
        ("proj_out", "final_layer.linear"),
    ] {
        map.layer(name, stored);
    }
    for (name, stored) in [("timestep_embedder", "t_embedder"), ("text_embedder", "y_embedder")] {
        map.layer(&format!("time_text_embed.{name}.linear_1"), &format!("{stored}.mlp.0"));
        map.layer(&format!("time_text_embed.{name}.linear_2"), &format!("{stored}.mlp.2"));
    }
    map.halves_exchanged("norm_out.linear", "final_layer.adaLN_modulation.1");
    for number in 0..config.layers {
        let last = number + 1 == config.layers;
        block(&mut map, &format!("transformer_blocks.{number}"), &format!("joint_blocks.{number}"), last);
    }
    map
}

fn block(map: &mut KeyMap, name: &str, stored: &str, last: bool) {
    let own = ["to_q", "to_k", "to_v"];
    for (attention, stored, qkv, norms, out) in [
        ("attn", "x_block.attn", own, ["norm_q", "norm_k"], "to_out.0"),
        ("attn2", "x_block.attn2", own, ["norm_q", "norm_k"], "to_out.0"),
        (
            "attn",
            "context_block.attn",
            ["add_q_proj", "add_k_proj", "add_v_proj"],
            ["norm_added_q", "norm_added_k"],
            "to_add_out",
        ),
    ]
    .map(|(attention, part, qkv, norms, out)| (attention, format!("{stored}.{part}"), qkv, norms, out))
    {
        let name = format!("{name}.{attention}");
        map.shares(&qkv.map(|part| format!("{name}.{part}")), &format!("{stored}.qkv"));
        map.layer(&format!("{name}.{out}"), &format!("{stored}.proj"));
        for (part, kind) in norms.into_iter().zip(["ln_q", "ln_k"]) {
            map.tensor(format!("{name}.{part}.weight"), format!("{stored}.{kind}.weight"));
        }
    }
    for (modulator, fed, stored) in [
        ("norm1", "ff", format!("{stored}.x_block")),
        ("norm1_context", "ff_context", format!("{stored}.context_block")),
    ] {
        map.layer(&format!("{name}.{fed}.net.0.proj"), &format!("{stored}.mlp.fc1"));
        map.layer(&format!("{name}.{fed}.net.2"), &format!("{stored}.mlp.fc2"));
        let modulation = format!("{stored}.adaLN_modulation.1");
        map.layer(&format!("{name}.{modulator}.linear"), &modulation);
    }
    if last {
        let modulation = format!("{stored}.context_block.adaLN_modulation.1");
        map.halves_exchanged(&format!("{name}.norm1_context.linear"), &modulation);
    }
}
