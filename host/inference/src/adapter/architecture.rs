//! Which network an adapter is made for, from the names and sizes of its layers alone.
//!
//! Widths and counts of blocks are those of the published models; what does not decide is left open rather than
//! guessed.

use super::keys::{Component, Target};
use crate::diffusion::architecture::Architecture;

/// A layer with the size (out, in) of its change.
pub(super) type Layer<'a> = (&'a Target, (usize, usize));

/// The network; none if the layers leave that open.
pub(super) fn recognise(layers: &[Layer]) -> Option<Architecture> {
    let denoiser: Vec<(&str, (usize, usize))> = layers
        .iter()
        .filter(|(target, _)| target.component == Component::Denoiser)
        .map(|(target, size)| (target.layer.as_str(), *size))
        .collect();
    let begins = |start: &str| denoiser.iter().any(|(name, _)| name.starts_with(start));
    const FLUX: [&str; 5] = [
        "double_blocks_",
        "single_blocks_",
        "single_transformer_blocks_",
        "double_stream_modulation_",
        "single_stream_modulation_",
    ];
    if FLUX.into_iter().any(begins) {
        return flux(&denoiser);
    }
    let joint = |name: &str| name.starts_with("transformer_blocks_") && name.contains("_attn_add_");
    if begins("joint_blocks_") || denoiser.iter().any(|(name, _)| joint(name)) {
        return width(&denoiser).and_then(Architecture::stable_diffusion3);
    }
    unet(&denoiser).or_else(|| texts(layers)).or_else(|| {
        // Only the transformers of Stable Diffusion XL are more than two layers deep.
        let deep = |name: &str| block_index(name, "_transformer_blocks_").is_some_and(|index| index >= 2);
        denoiser.iter().any(|(name, _)| deep(name)).then_some(Architecture::StableDiffusionXl)
    })
}

/// By the width of the text states that the UNet attends to.
fn unet(denoiser: &[(&str, (usize, usize))]) -> Option<Architecture> {
    let attends = |name: &str| name.ends_with("_attn2_to_k") || name.ends_with("_attn2_to_v");
    denoiser
        .iter()
        .filter(|(name, _)| attends(name))
        .find_map(|(_, (_, input))| Architecture::of_text_width(*input))
}

/// By the text encoders: their number, and the width of the first.
fn texts(layers: &[Layer]) -> Option<Architecture> {
    let width = |number: u8| {
        let attention = |target: &Target| {
            target.component == Component::Text(number) && target.layer.contains("_self_attn_")
        };
        layers.iter().find(|(target, _)| attention(target)).map(|(_, (_, input))| *input)
    };
    match (width(1), width(2)) {
        (Some(768) | None, Some(1280)) => Some(Architecture::StableDiffusionXl),
        (Some(768), None) => Some(Architecture::StableDiffusion1),
        (Some(1024), None) => Some(Architecture::StableDiffusion2),
        _ => None,
    }
}

/// The width of a transformer: every layer of its blocks reads or writes states of this width, and none is narrower.
fn width(denoiser: &[(&str, (usize, usize))]) -> Option<usize> {
    let (_, (rows, input)) = denoiser.iter().find(|(name, _)| name.contains("blocks_"))?;
    Some(*rows.min(input))
}

fn flux(denoiser: &[(&str, (usize, usize))]) -> Option<Architecture> {
    let width = width(denoiser);
    match denoiser.iter().find_map(|(name, size)| Generation::of_layer(name, *size)) {
        Some(Generation::First) => Some(Architecture::Flux1),
        Some(Generation::Second) => {
            let text = |input| match input {
                7680 => Some(Architecture::Flux2Klein4B),
                12_288 => Some(Architecture::Flux2Klein9B),
                15_360 => Some(Architecture::Flux2Dev),
                _ => None,
            };
            let texts = denoiser.iter().filter(|(name, _)| reads_text(name));
            let by_text = || texts.clone().find_map(|(_, (_, input))| text(*input));
            let steering = || denoiser.iter().find(|(name, _)| name.contains("_stream_modulation_"));
            width
                .or_else(|| steering().map(|(_, (_, input))| *input))
                .and_then(Architecture::flux2)
                .or_else(by_text)
        }
        // The first generation is of the width of the smallest of the second.
        None => width.filter(|width| *width != 3072).and_then(Architecture::flux2),
    }
}

/// FLUX.1 or FLUX.2, which name many layers alike.
#[derive(Clone, Copy)]
enum Generation {
    First,
    Second,
}

impl Generation {
    /// The one that has a layer of this name and size; none if both may have.
    fn of_layer(name: &str, (rows, input): (usize, usize)) -> Option<Self> {
        const FIRST: [&str; 7] = [
            "_proj_mlp",
            "_mod_lin",
            "_modulation_lin",
            "_norm_linear",
            "_norm1_linear",
            "_norm1_context_linear",
            "_net_0_proj",
        ];
        const SECOND: [&str; 3] = ["_to_qkv_mlp_proj", "_linear_in", "_linear_out"];
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if ends(&SECOND) || name.contains("_stream_modulation_") {
            return Some(Self::Second);
        }
        if ends(&FIRST) || is_apart(name) || is_beyond_klein_4b(name, rows.min(input)) {
            return Some(Self::First);
        }
        // How much wider a layer is than the states: of the first generation and of the second.
        let (first, second) = match () {
            () if ends(&["_mlp_0"]) => ((4, 1), (6, 1)),
            () if ends(&["_mlp_2"]) => ((1, 4), (1, 3)),
            () if ends(&["_linear1"]) => ((7, 1), (9, 1)),
            () if ends(&["_linear2"]) => ((1, 5), (1, 4)),
            () if reads_text(name) => {
                return match input {
                    4096 => Some(Self::First),
                    7680 | 12_288 | 15_360 => Some(Self::Second),
                    _ => None,
                };
            }
            () => return None,
        };
        let is = |(out, inner): (usize, usize)| {
            rows.checked_mul(inner).is_some_and(|rows| Some(rows) == input.checked_mul(out))
        };
        match (is(first), is(second)) {
            (true, _) => Some(Self::First),
            (_, true) => Some(Self::Second),
            _ => None,
        }
    }
}

/// True for the queries, keys and values of a single block, which only the first generation keeps apart.
fn is_apart(name: &str) -> bool {
    name.starts_with("single_transformer_blocks_")
        && ["_attn_to_q", "_attn_to_k", "_attn_to_v"].iter().any(|ending| name.ends_with(ending))
}

/// True for blocks of the width of FLUX.1 and Klein 4B that the latter, with 5 double and 20 single ones, has not.
fn is_beyond_klein_4b(name: &str, width: usize) -> bool {
    const BLOCKS: [(&str, usize); 4] = [
        ("double_blocks_", 5),
        ("single_blocks_", 20),
        ("single_transformer_blocks_", 20),
        ("transformer_blocks_", 5),
    ];
    let blocks = BLOCKS.into_iter().find(|(beginning, _)| name.starts_with(beginning));
    let beyond =
        |(beginning, blocks)| block_index(name, beginning).is_some_and(|index: usize| index >= blocks);
    width == 3072 && blocks.is_some_and(beyond)
}

/// True for the layer that reads the text states.
fn reads_text(name: &str) -> bool {
    name == "txt_in" || name == "context_embedder"
}

/// The number after the first occurrence of `beginning`.
fn block_index(name: &str, beginning: &str) -> Option<usize> {
    let (_, rest) = name.split_once(beginning)?;
    rest.split('_').next()?.parse().ok()
}
