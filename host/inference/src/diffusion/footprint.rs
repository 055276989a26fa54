//! How much memory making a picture takes, estimated before it starts.

use super::unet::UnetConfig;
use super::vae::VaeConfig;
use crate::tensor::{LARGE_MAP, MOST_SCORES};
use crate::weights::Computing;

/// Bytes of a value.
const BYTES: u64 = 4;
/// Maps of the widest level that a step of the noise predictor holds besides its skip connections: the joined
/// input, what the residual block and the feed-forward layers (eight times as wide) make of it.
const STEP_MAPS: u64 = 16;
/// Numbers that a 3x3 kernel takes, and at the points of Winograd's method.
const KERNEL_PIXELS: u64 = 9;
const KERNEL_POINTS: u64 = 36;
/// Values of each pixel that are held beside a tile: of the picture, and of the rows of tiles that it is made of.
const TILED: u64 = 9;
/// Maps of the finest level that decoding holds: input, normalised, convolved, skip connection and result.
const DECODE_MAPS: u64 = 5;

/// Maps of its input that a 3x3 convolution by stock operations unrolls it to.
const UNROLLED_MAPS: u64 = 9;
/// Scores, exponentials and weights that attention by stock operations holds at a time.
const SCORE_MAPS: u64 = 3;

/// Whose operations compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operations {
    /// This crate's kernels, which work in tiles.
    Own,
    /// A device's own.
    Stock,
}

impl Operations {
    /// Those of a way to compute.
    pub fn of(computing: &Computing) -> Self {
        if computing.dtype().is_some() { Self::Stock } else { Self::Own }
    }

    /// Values that attention of `heads` over `tokens` holds besides its operands.
    fn score_values(self, heads: u64, tokens: u64) -> u64 {
        match self {
            Self::Own => 0,
            Self::Stock => {
                let scores = heads.saturating_mul(tokens).saturating_mul(tokens);
                scores.min(MOST_SCORES as u64) * SCORE_MAPS
            }
        }
    }

    /// Maps that a convolution holds besides its input and its result.
    fn unrolled_maps(self) -> u64 {
        match self {
            Self::Own => 0,
            Self::Stock => UNROLLED_MAPS,
        }
    }
}

/// How latents become a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoding {
    /// At once.
    Whole,
    /// Tile by tile, where the whole does not fit into memory.
    Tiles,
}

/// Bytes for the feature maps of a picture, the larger of two peaks: a step of the noise predictor with `batch`
/// pictures, and decoding. At 512x512 with the dimensions of Stable Diffusion 1.5 it comes within a few per cent of
/// what was measured.
pub fn activation_bytes(
    unet: &UnetConfig,
    vae: &VaeConfig,
    (width, height): (usize, usize),
    batch: usize,
    (decoding, operations): (Decoding, Operations),
) -> u64 {
    let pixels = (width as u64).saturating_mul(height as u64);
    let scale = vae.scale() as u64;
    let latent_pixels = pixels / (scale * scale).max(1);
    let map = |channels: usize, level: usize| (latent_pixels >> (2 * level).min(63)) * channels as u64;
    let levels = unet.levels.iter().enumerate();
    let skips: u64 = levels.clone().map(|(i, l)| map(l.channels, i) * (l.layers as u64 + 2)).sum();
    let widest = levels.clone().map(|(i, l)| map(l.channels, i)).max().unwrap_or(0);
    let tokens = |i: usize| latent_pixels >> (2 * i).min(63);
    let scores = levels.map(|(i, l)| operations.score_values((l.heads * batch) as u64, tokens(i)));
    let step = (skips + widest * (STEP_MAPS + operations.unrolled_maps())).saturating_mul(batch as u64);
    let step = step.saturating_add(scores.max().unwrap_or(0));
    let step = step.saturating_add(kernel_values(unet, latent_pixels));
    step.max(decode_values(vae, pixels, (decoding, operations))).saturating_mul(BYTES)
}

/// Bytes for the states of a transformer that looks at picture and text together, or for decoding where that takes
/// more: `tokens` states of a width, of which a layer holds `widths` at its widest, and attention of some heads.
pub fn transformer_bytes(
    vae: &VaeConfig,
    (width, height): (usize, usize),
    (tokens, widths, heads): (usize, usize, usize),
    (decoding, operations): (Decoding, Operations),
) -> u64 {
    let pixels = (width as u64).saturating_mul(height as u64);
    let step = (tokens as u64).saturating_mul(widths as u64);
    let step = step.saturating_add(operations.score_values(heads as u64, tokens as u64));
    step.max(decode_values(vae, pixels, (decoding, operations))).saturating_mul(BYTES)
}

/// Values that decoding holds at its peak.
fn decode_values(vae: &VaeConfig, pixels: u64, (decoding, operations): (Decoding, Operations)) -> u64 {
    // Up-sampling to the finest level happens in the channels of the next.
    let finest = vae.channels.iter().take(2).max().copied().unwrap_or(0) as u64;
    let held = DECODE_MAPS + operations.unrolled_maps();
    let maps = |pixels: u64| pixels.saturating_mul(finest).saturating_mul(held);
    match decoding {
        Decoding::Whole => maps(pixels),
        Decoding::Tiles => {
            let tiled = maps(vae.tile_pixels()).saturating_add(pixels.saturating_mul(TILED));
            tiled.min(maps(pixels))
        }
    }
}

/// Numbers that the kernels of the largest convolution take while they are used: those of the first way up of a level,
/// into which three times its channels come.
fn kernel_values(unet: &UnetConfig, latent_pixels: u64) -> u64 {
    let levels = unet.levels.iter().enumerate().map(|(i, level)| {
        let channels = level.channels as u64;
        let large = latent_pixels >> (2 * i).min(63) >= LARGE_MAP as u64;
        3 * channels * channels * if large { KERNEL_POINTS } else { KERNEL_PIXELS }
    });
    levels.max().unwrap_or(0)
}
