//! How much memory making a picture takes, estimated before it starts.

use super::unet::UnetConfig;
use super::vae::VaeConfig;
use crate::tensor::LARGE_MAP;

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
    decoding: Decoding,
) -> u64 {
    let pixels = (width as u64).saturating_mul(height as u64);
    let scale = vae.scale() as u64;
    let latent_pixels = pixels / (scale * scale).max(1);
    let map = |channels: usize, level: usize| (latent_pixels >> (2 * level).min(63)) * channels as u64;
    let levels = unet.levels.iter().enumerate();
    let skips: u64 = levels.clone().map(|(i, l)| map(l.channels, i) * (l.layers as u64 + 2)).sum();
    let widest = levels.map(|(i, l)| map(l.channels, i)).max().unwrap_or(0);
    let step = (skips + widest * STEP_MAPS).saturating_mul(batch as u64);
    let step = step.saturating_add(kernel_values(unet, latent_pixels));
    step.max(decode_values(vae, pixels, decoding)).saturating_mul(BYTES)
}

/// Bytes for the states of a transformer that looks at picture and text together, or for decoding where that takes
/// more: `tokens` states of a width, of which a layer holds `widths` at its widest.
pub fn transformer_bytes(
    vae: &VaeConfig,
    (width, height): (usize, usize),
    tokens: usize,
    widths: usize,
    decoding: Decoding,
) -> u64 {
    let pixels = (width as u64).saturating_mul(height as u64);
    let step = (tokens as u64).saturating_mul(widths as u64);
    step.max(decode_values(vae, pixels, decoding)).saturating_mul(BYTES)
}

/// Values that decoding holds at its peak.
fn decode_values(vae: &VaeConfig, pixels: u64, decoding: Decoding) -> u64 {
    // Up-sampling to the finest level happens in the channels of the next.
    let finest = vae.channels.iter().take(2).max().copied().unwrap_or(0) as u64;
    let maps = |pixels: u64| pixels.saturating_mul(finest).saturating_mul(DECODE_MAPS);
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
