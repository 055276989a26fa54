//! How much memory making a picture takes, estimated before it starts.

use super::unet::{BlockKind, Level, UnetConfig};
use super::vae::{Bands, VaeConfig};
use crate::tensor::{FEW_PIXELS, MOST_SCORES};
use crate::weights::Computing;

/// Bytes of a value.
const BYTES: u64 = 4;
/// Maps of a level that its transformers hold at their widest: what came in, the states, the feed-forward layer (eight times
/// as wide) and what its gate makes of it.
const TRANSFORMER_MAPS: u64 = 14;
/// Maps that a residual block holds as wide as what comes in, itself and normalised, and as what it gives, convolved twice.
const INCOMING_MAPS: u64 = 2;
const OUTGOING_MAPS: u64 = 2;
/// Numbers that a 3x3 kernel takes, and at the points of Winograd's method.
const KERNEL_PIXELS: u64 = 9;
const KERNEL_POINTS: u64 = 36;
/// Values of each pixel that are held beside a tile: of the picture, and of the rows of tiles that it is made of.
const TILED: u64 = 9;
/// Values of each pixel of a picture.
const PICTURE_CHANNELS: u64 = 3;
/// Maps of the last level that the encoder's attention holds: what came into the level and into the attention, queries, keys
/// and values, and what they are made of or is made of them.
const ATTENTION_MAPS: u64 = 6;

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

/// How the autoencoder goes over a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Extent {
    /// At once.
    #[default]
    Whole,
    /// Part by part, where the whole does not fit into memory.
    Parts,
}

/// What the autoencoder does for a picture, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coding {
    /// How pictures that come in are encoded; none if none do.
    pub encoding: Option<Extent>,
    /// How the picture that is made is decoded.
    pub decoding: Extent,
}

impl Coding {
    /// All ways, the best first: parts make decoding less exact and encoding slower. `encodes` says whether pictures come
    /// in.
    pub fn ways(encodes: bool) -> impl Iterator<Item = Self> {
        use Extent::{Parts, Whole};
        let ways = [(Whole, Whole), (Whole, Parts), (Parts, Parts)];
        let ways = ways.into_iter().take(if encodes { 3 } else { 2 });
        ways.map(move |(encoding, decoding)| Self { encoding: encodes.then_some(encoding), decoding })
    }
}

/// Bytes for the feature maps of a picture, the larger of three peaks: a step of the noise predictor with `batch`
/// pictures, encoding and decoding.
pub fn activation_bytes(
    unet: &UnetConfig,
    vae: &VaeConfig,
    size: (usize, usize),
    batch: usize,
    (coding, operations): (Coding, Operations),
) -> u64 {
    let scale = vae.scale() as u64;
    let latent_pixels = pixels(size) / (scale * scale).max(1);
    let tokens = |level: usize| latent_pixels >> (2 * level).min(63);
    let (mut skips, mut most) = (0, 0);
    for (i, level) in unet.levels.iter().enumerate() {
        // On the way up, the skip connections of the levels below are gone.
        skips += tokens(i) * (level.channels * (level.layers + 2)) as u64;
        most = most.max(skips + tokens(i) * level_step_channels(unet, i, operations));
    }
    let levels = unet.levels.iter().enumerate();
    let scores = levels.map(|(i, l)| operations.score_values((l.heads * batch) as u64, tokens(i)));
    let step = most.saturating_mul(batch as u64);
    let step = step.saturating_add(scores.max().unwrap_or(0));
    let step = step.saturating_add(kernel_values(unet, latent_pixels));
    step.max(coding_values(vae, size, (coding, operations))).saturating_mul(BYTES)
}

/// Values of each of a level's pixels that a step of the noise predictor holds on the way up, where most is held, besides the
/// skip connections: of a residual block, into which the level below comes joined with one of them, or of a transformer.
fn level_step_channels(unet: &UnetConfig, level: usize, operations: Operations) -> u64 {
    let channels = |level: usize| unet.levels.get(level).map(|level| level.channels as u64);
    let own = channels(level).unwrap_or(0);
    let incoming = channels(level + 1).unwrap_or(own) + own;
    let block = block_channels(incoming, own, operations);
    let crosses = |level: &Level| [level.down, level.up].contains(&BlockKind::CrossAttention);
    let transformer = if unet.levels.get(level).is_some_and(crosses) { own * TRANSFORMER_MAPS } else { 0 };
    block.max(transformer)
}

/// Values of each pixel that a residual block holds from some channels to others.
fn block_channels(incoming: u64, outgoing: u64, operations: Operations) -> u64 {
    incoming * (INCOMING_MAPS + operations.unrolled_maps()) + outgoing * OUTGOING_MAPS
}

/// Bytes for the states of a transformer that looks at picture and text together, or for the autoencoder where that takes
/// more: `tokens` states of a width, of which a layer holds `widths` at its widest, and attention of some heads.
pub fn transformer_bytes(
    vae: &VaeConfig,
    size: (usize, usize),
    (tokens, widths, heads): (usize, usize, usize),
    (coding, operations): (Coding, Operations),
) -> u64 {
    let step = (tokens as u64).saturating_mul(widths as u64);
    let step = step.saturating_add(operations.score_values(heads as u64, tokens as u64));
    step.max(coding_values(vae, size, (coding, operations))).saturating_mul(BYTES)
}

fn pixels((width, height): (usize, usize)) -> u64 {
    (width as u64).saturating_mul(height as u64)
}

/// Values that the autoencoder holds at its peak.
fn coding_values(vae: &VaeConfig, size: (usize, usize), (coding, operations): (Coding, Operations)) -> u64 {
    let maps = block_channels(1, 1, operations);
    let encoding = match coding.encoding {
        None => 0,
        Some(Extent::Whole) => encode_values(vae, size, maps),
        Some(Extent::Parts) => banded_values(vae, size, maps).min(encode_values(vae, size, maps)),
    };
    encoding.max(decode_values(vae, pixels(size), (coding.decoding, operations)))
}

/// Values that encoding at once holds at its peak, of which so many maps are of a level.
fn encode_values(vae: &VaeConfig, size: (usize, usize), maps: u64) -> u64 {
    let levels = (0..vae.channels.len()).map(|level| level_values(vae, size, level));
    levels.max().unwrap_or(0).saturating_mul(maps).max(last_values(vae, size, maps))
}

/// Values that the encoder's last level holds at its peak.
fn last_values(vae: &VaeConfig, size: (usize, usize), maps: u64) -> u64 {
    let maps = if vae.mid_attention { maps.max(ATTENTION_MAPS) } else { maps };
    level_values(vae, size, vae.channels.len().saturating_sub(1)).saturating_mul(maps)
}

/// Values of a map of one of the encoder's levels.
fn level_values(vae: &VaeConfig, size: (usize, usize), level: usize) -> u64 {
    let channels = vae.channels.get(level).copied().unwrap_or(0) as u64;
    (pixels(size) >> (2 * level).min(63)).saturating_mul(channels)
}

/// Values that encoding in bands holds at its peak: at each level but the last a band, what came into the level and what
/// leaves it; at the last its maps.
fn banded_values(vae: &VaeConfig, size: (usize, usize), maps: u64) -> u64 {
    let last = vae.channels.len().saturating_sub(1);
    let mut most = last_values(vae, size, maps);
    let mut incoming = pixels(size).saturating_mul(PICTURE_CHANNELS);
    for level in 0..last {
        let (width, height) = (size.0 >> level, size.1 >> level);
        let Bands { rows, reach } = Bands::of(vae, level, width);
        let band = level_values(vae, size, level).saturating_mul((rows + 2 * reach).min(height) as u64);
        let band = band / height.max(1) as u64;
        let leaving = level_values(vae, size, level) / 4;
        most = most.max(incoming.saturating_add(leaving).saturating_add(band.saturating_mul(maps)));
        incoming = leaving;
    }
    most
}

/// Values that decoding holds at its peak.
fn decode_values(vae: &VaeConfig, pixels: u64, (decoding, operations): (Extent, Operations)) -> u64 {
    // Up-sampling to the finest level happens in the channels of the next.
    let incoming = vae.channels.iter().take(2).max().copied().unwrap_or(0) as u64;
    let outgoing = vae.channels.first().copied().unwrap_or(0) as u64;
    let held = block_channels(incoming, outgoing, operations);
    let maps = |pixels: u64| pixels.saturating_mul(held);
    match decoding {
        Extent::Whole => maps(pixels),
        Extent::Parts => {
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
        let large = latent_pixels >> (2 * i).min(63) > FEW_PIXELS as u64;
        3 * channels * channels * if large { KERNEL_POINTS } else { KERNEL_PIXELS }
    });
    levels.max().unwrap_or(0)
}
