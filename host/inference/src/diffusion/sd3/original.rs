//! The names that Stability AI gave the tensors of Stable Diffusion 3, for files that hold the transformer alone.

use super::Sd3Config;
use crate::weights::KeyMap;

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
