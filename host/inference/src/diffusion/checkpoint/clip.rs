//! CLIP's text encoders under the names of transformers or of OpenCLIP: their dimensions by the shapes of their tensors,
//! and their layers by the names of transformers (`convert_open_clip_checkpoint` of diffusers).

use serde_json::{Value, json};

use super::section::Section;
use crate::weights::{KeyMap, Loaded};

/// Embeddings by the names of transformers, with and without what newer versions put before them, and of OpenCLIP.
const TRANSFORMERS_MARKS: [&str; 2] =
    ["text_model.embeddings.token_embedding.weight", "embeddings.token_embedding.weight"];
const OPEN_CLIP_MARK: &str = "token_embedding.weight";
const OPEN_CLIP_LAYER: &str = "transformer.resblocks.";
/// Width of a head.
const HEAD_WIDTH: usize = 64;

/// What a model takes of an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use {
    /// The vector of a whole text is projected.
    pub(super) projected: bool,
    /// The last layer is left out, as Stable Diffusion 2 was trained; files of transformers do not have it.
    pub(super) without_last: bool,
}

/// Width of the encoder's states, if the section is one.
pub(super) fn width(section: Section<'_>) -> Option<usize> {
    let [current, older] = TRANSFORMERS_MARKS;
    let names = [current, older, OPEN_CLIP_MARK];
    names.into_iter().find_map(|name| section.dim(name, 1).ok()).filter(|_| layers(section) > 0)
}

/// True under the names of OpenCLIP.
fn is_open(section: Section<'_>) -> bool {
    section.has(OPEN_CLIP_MARK) && section.count(OPEN_CLIP_LAYER) > 0
}

/// What stands before the names of transformers.
fn root(section: Section<'_>) -> &'static str {
    let [current, _] = TRANSFORMERS_MARKS;
    if section.has(current) { "text_model." } else { "" }
}

fn layers(section: Section<'_>) -> usize {
    if is_open(section) {
        section.count(OPEN_CLIP_LAYER)
    } else {
        section.count(&format!("{}encoder.layers.", root(section)))
    }
}

/// The dimensions as a `config.json` of transformers describes them. What shapes do not show has its published value:
/// heads are 64 wide, and only OpenAI's encoder, 768 wide, has its quick activation.
///
/// # Errors
/// A tensor is missing.
pub(super) fn describe(section: Section<'_>, taken: Use) -> Loaded<Value> {
    let root = root(section);
    let names = if is_open(section) {
        [
            OPEN_CLIP_MARK.to_owned(),
            "positional_embedding".to_owned(),
            format!("{OPEN_CLIP_LAYER}0.mlp.c_fc.weight"),
        ]
    } else {
        [
            format!("{root}embeddings.token_embedding.weight"),
            format!("{root}embeddings.position_embedding.weight"),
            format!("{root}encoder.layers.0.mlp.fc1.weight"),
        ]
    };
    let [tokens, positions, inner] = &names;
    let width = section.dim(tokens, 1)?;
    let quick = !is_open(section) && width <= 768;
    let projection = ["text_projection.weight", "text_projection"].into_iter();
    let projection = projection.zip([0, 1]).find_map(|(name, axis)| section.dim(name, axis).ok());
    let projection = projection.filter(|_| taken.projected);
    Ok(json!({
        "architectures": [if projection.is_some() { "CLIPTextModelWithProjection" } else { "CLIPTextModel" }],
        "projection_dim": projection,
        "vocab_size": section.dim(tokens, 0)?,
        "hidden_size": width,
        "intermediate_size": section.dim(inner, 0)?,
        "num_hidden_layers": layers(section).saturating_sub(usize::from(taken.without_last && is_open(section))),
        "num_attention_heads": (width / HEAD_WIDTH).max(1),
        "max_position_embeddings": section.dim(positions, 0)?,
        "hidden_act": if quick { "quick_gelu" } else { "gelu" },
    }))
}

/// The map from transformers' names to all tensors of the section that an encoder has.
pub(super) fn keys(section: Section<'_>) -> KeyMap {
    if !is_open(section) {
        return section.own_names();
    }
    let mut map = KeyMap::default();
    for (name, stored) in [
        ("text_model.embeddings.token_embedding.weight", OPEN_CLIP_MARK),
        ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
    ] {
        map.tensor(name, stored);
    }
    map.layer("text_model.final_layer_norm", "ln_final");
    if section.has("text_projection") {
        map.transposed("text_projection.weight", "text_projection");
    }
    for number in 0..section.count(OPEN_CLIP_LAYER) {
        let layer = format!("text_model.encoder.layers.{number}");
        let stored = format!("{OPEN_CLIP_LAYER}{number}");
        for (name, stored_name) in [
            ("layer_norm1", "ln_1"),
            ("layer_norm2", "ln_2"),
            ("mlp.fc1", "mlp.c_fc"),
            ("mlp.fc2", "mlp.c_proj"),
            ("self_attn.out_proj", "attn.out_proj"),
        ] {
            map.layer(&format!("{layer}.{name}"), &format!("{stored}.{stored_name}"));
        }
        for kind in ["weight", "bias"] {
            let names = ["q_proj", "k_proj", "v_proj"].map(|part| format!("{layer}.self_attn.{part}.{kind}"));
            map.thirds(names, &format!("{stored}.attn.in_proj_{kind}"));
        }
    }
    map
}
