//! Which network an adapter is made for, from the names and sizes of its layers alone.
//!
//! Widths and counts of blocks are those of the published models; what does not decide is left open rather than
//! guessed.

use super::keys::{Component, Target};
use crate::diffusion::architecture::Architecture;

/// Width of FLUX.1 and of the smallest FLUX.2, Klein 4B.
const FLUX_WIDTH: usize = 3072;
/// Rows of the first layer of Klein's feed-forward networks; FLUX.1 has 12288.
const KLEIN_INNER_WIDTH: usize = 18_432;
/// Widths of the text states of FLUX.2.
const FLUX2_TEXT_WIDTHS: [usize; 3] = [7680, 12_288, 15_360];
/// Double and single blocks of Klein 4B; FLUX.1 has 19 and 38.
const KLEIN_BLOCKS: (usize, usize) = (5, 20);

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
    if begins("double_blocks_") || begins("single_blocks_") || begins("single_transformer_blocks_") {
        return flux(&denoiser);
    }
    let joint = |name: &str| name.starts_with("transformer_blocks_") && name.contains("_attn_add_");
    if begins("joint_blocks_") || denoiser.iter().any(|(name, _)| joint(name)) {
        return Some(Architecture::StableDiffusion3);
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

fn flux(denoiser: &[(&str, (usize, usize))]) -> Option<Architecture> {
    let newer = |name: &str, (rows, input): (usize, usize)| {
        let text = name == "txt_in" || name == "context_embedder";
        name.ends_with("_to_qkv_mlp_proj")
            || name.ends_with("_ff_linear_in")
            || name.ends_with("_ff_context_linear_in")
            || (text && FLUX2_TEXT_WIDTHS.contains(&input))
            || (name.ends_with("_img_mlp_0") && rows == KLEIN_INNER_WIDTH)
            || (reads_hidden(name) && input != FLUX_WIDTH)
    };
    if denoiser.iter().any(|(name, size)| newer(name, *size)) {
        return Some(Architecture::Flux2);
    }
    let beyond = |name: &str| {
        let beginnings = [
            ("double_blocks_", KLEIN_BLOCKS.0),
            ("single_blocks_", KLEIN_BLOCKS.1),
            ("single_transformer_blocks_", KLEIN_BLOCKS.1),
            ("transformer_blocks_", KLEIN_BLOCKS.0),
        ];
        let (beginning, blocks) =
            beginnings.into_iter().find(|(beginning, _)| name.starts_with(beginning))?;
        Some(block_index(name, beginning)? >= blocks)
    };
    let older = |name: &str, rows: usize| name.ends_with("_img_mlp_0") && rows == 4 * FLUX_WIDTH;
    denoiser
        .iter()
        .any(|(name, (rows, _))| beyond(name) == Some(true) || older(name, *rows))
        .then_some(Architecture::Flux1)
}

/// True for layers whose input is as wide as the network.
fn reads_hidden(name: &str) -> bool {
    const ENDINGS: [&str; 6] =
        ["_img_attn_qkv", "_txt_attn_qkv", "_linear1", "_attn_to_q", "_attn_to_k", "_attn_to_v"];
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The number after the first occurrence of `beginning`.
fn block_index(name: &str, beginning: &str) -> Option<usize> {
    let (_, rest) = name.split_once(beginning)?;
    rest.split('_').next()?.parse().ok()
}
