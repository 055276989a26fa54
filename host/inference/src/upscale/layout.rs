//! Recognising upscalers in a weight file, and their dimensions, from the names and shapes of its tensors alone.
//!
//! Sources: `rrdbnet_arch.py` of XPixelGroup/BasicSR, `network_rrdbnet.py` of cszn/BSRGAN, `architecture.py` of
//! xinntao/ESRGAN's older releases, `srvgg_arch.py` of xinntao/Real-ESRGAN.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::tiles::HALO_LIMIT;
use crate::weights::{BrokenFile, Loaded, WeightFiles};

/// Most blocks or layers that are counted.
const MAX_BLOCKS: usize = 256;
/// Most channels of a feature map.
const MAX_CHANNELS: usize = 1024;
/// Largest factor of a network.
const MAX_SCALE: usize = 16;
/// Names of the dictionaries that checkpoints keep their tensors in, the averaged weights first.
const NESTS: [&str; 5] = ["params_ema.", "params.", "", "state_dict.", "module."];
/// Bytes of a number in memory.
const BYTES: u64 = 4;

/// How the tensors of an RRDBNet are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// BasicSR and Real-ESRGAN.
    Current,
    /// BSRGAN, also used by later ESRGAN releases.
    Trunk,
    /// The first ESRGAN: numbers of layers in a row.
    Numbered,
}

impl Naming {
    pub(super) fn first(self) -> &'static str {
        if self == Self::Numbered { "model.0" } else { "conv_first" }
    }

    /// A convolution (1 to 5) of a dense block (1 to 3) of a residual block (from 0).
    pub(super) fn dense(self, block: usize, dense: usize, convolution: usize) -> String {
        match self {
            Self::Current => format!("body.{block}.rdb{dense}.conv{convolution}"),
            Self::Trunk => format!("RRDB_trunk.{block}.RDB{dense}.conv{convolution}"),
            Self::Numbered => format!("model.1.sub.{block}.RDB{dense}.conv{convolution}.0"),
        }
    }

    /// The convolution after the last of `blocks` residual blocks.
    pub(super) fn body(self, blocks: usize) -> String {
        match self {
            Self::Current => "conv_body".to_owned(),
            Self::Trunk => "trunk_conv".to_owned(),
            Self::Numbered => format!("model.1.sub.{blocks}"),
        }
    }

    /// The convolution after an enlargement (from 1).
    pub(super) fn up(self, number: usize) -> String {
        match self {
            Self::Current => format!("conv_up{number}"),
            Self::Trunk => format!("upconv{number}"),
            // Enlargement, convolution and activation take a number each, from 2 on.
            Self::Numbered => format!("model.{}", 3 * number),
        }
    }

    /// The last but one convolution, after `ups` enlargements.
    pub(super) fn high_resolution(self, ups: usize) -> String {
        match self {
            Self::Current => "conv_hr".to_owned(),
            Self::Trunk => "HRconv".to_owned(),
            Self::Numbered => format!("model.{}", 3 * ups + 2),
        }
    }

    /// The last convolution, after `ups` enlargements.
    pub(super) fn last(self, ups: usize) -> String {
        match self {
            Self::Numbered => format!("model.{}", 3 * ups + 4),
            _ => "conv_last".to_owned(),
        }
    }
}

/// Dimensions of an RRDBNet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RrdbConfig {
    pub(super) naming: Naming,
    pub(super) blocks: usize,
    pub(super) channels: usize,
    /// Channels that each layer of a dense block adds.
    pub(super) growth: usize,
    /// Edge of the squares of pixels that become channels before the first layer.
    pub(super) unshuffle: usize,
    /// Enlargements by two.
    pub(super) ups: usize,
}

/// Dimensions of an SRVGGNetCompact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CompactConfig {
    pub(super) channels: usize,
    /// Convolutions, the first and the last among them.
    pub(super) convolutions: usize,
    pub(super) scale: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Config {
    Rrdb(RrdbConfig),
    Compact(CompactConfig),
}

/// Which network it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpscalerKind {
    /// ESRGAN, BSRGAN, Real-ESRGAN: residual blocks of dense blocks.
    Rrdb,
    /// The small ones of Real-ESRGAN: plain convolutions.
    Compact,
}

/// An upscaler in a weight file.
pub struct UpscalerLayout {
    pub(super) config: Config,
    /// What stands before the names of all tensors, with its dot.
    pub(super) prefix: &'static str,
    pub(super) weights: Arc<WeightFiles>,
}

impl UpscalerLayout {
    /// Opens a weight file (safetensors, ONNX or PyTorch) and looks for an upscaler; none if it is something else.
    ///
    /// # Errors
    /// The file is broken, or it is an upscaler but a variant that is not supported.
    pub fn read(path: &Path) -> Loaded<Option<Self>> {
        Self::recognise(WeightFiles::single(path)?)
    }

    /// Looks for an upscaler in open weight files.
    ///
    /// # Errors
    /// It is an upscaler, but a variant that is not supported.
    pub fn recognise(weights: WeightFiles) -> Loaded<Option<Self>> {
        let broken = |problem| BrokenFile::new(weights.paths().next().unwrap_or(Path::new("")), problem);
        let found = NESTS.into_iter().find_map(|prefix| {
            let tensors = Tensors { weights: &weights, prefix };
            let config = match tensors.naming() {
                Some(naming) => Some(tensors.rrdb(naming).map(Config::Rrdb)),
                None => tensors.is_compact().then(|| tensors.compact().map(Config::Compact)),
            };
            config.map(|config| (prefix, config))
        });
        match found {
            None => Ok(None),
            Some((_, Err(problem))) => Err(broken(problem)),
            Some((prefix, Ok(config))) => Ok(Some(Self { config, prefix, weights: Arc::new(weights) })),
        }
    }

    /// Which network it is.
    pub fn kind(&self) -> UpscalerKind {
        match self.config {
            Config::Rrdb(_) => UpscalerKind::Rrdb,
            Config::Compact(_) => UpscalerKind::Compact,
        }
    }

    /// The factor that pictures are enlarged by.
    pub fn scale(&self) -> u32 {
        self.config.scale() as u32
    }

    /// Files whose contents decide what the network computes.
    pub fn files(&self) -> Vec<PathBuf> {
        self.weights.paths().map(Path::to_path_buf).collect()
    }

    /// Memory that the weights take once loaded.
    pub fn weight_bytes(&self) -> u64 {
        self.weights.weight_count() * BYTES
    }

    /// Bytes for enlarging a picture of this size in tiles of edge `tile`, beside the weights: the feature maps of one
    /// tile, the picture and the result.
    pub fn activation_bytes(&self, width: u32, height: u32, tile: u32) -> u64 {
        let halo = 2 * self.config.halo() as u64;
        let side = |length: u32| u64::from(length).min(u64::from(tile).saturating_add(halo));
        let (scale, pixels) = (self.config.scale() as u64, u64::from(width) * u64::from(height));
        let tile = side(width).saturating_mul(side(height)).saturating_mul(self.config.tile_values());
        let picture = pixels.saturating_mul(3).saturating_mul(1 + scale * scale);
        tile.saturating_mul(BYTES).saturating_add(picture)
    }
}

impl Config {
    pub(super) fn scale(self) -> usize {
        match self {
            Self::Rrdb(config) => (1 << config.ups) / config.unshuffle,
            Self::Compact(config) => config.scale,
        }
    }

    /// Pixels around a tile that are computed with it. The result depends on as many pixels around as there are
    /// convolutions at the picture's size; in an RRDBNet what comes from beyond [`HALO_LIMIT`] is too little to see.
    pub(super) fn halo(self) -> usize {
        match self {
            Self::Rrdb(config) => ((15 * config.blocks + 4) * config.unshuffle).min(HALO_LIMIT),
            Self::Compact(config) => config.convolutions,
        }
    }

    /// Numbers that are held for each pixel of a tile at the peak.
    fn tile_values(self) -> u64 {
        match self {
            // After the last enlargement: its input, the convolution's result and that of the next.
            Self::Rrdb(config) => {
                let low = 4 * (config.channels + 4 * config.growth);
                let high = (3 * config.channels) << (2 * config.ups);
                (low.max(high) / (config.unshuffle * config.unshuffle)) as u64
            }
            Self::Compact(config) => (3 * config.channels + 9 * config.scale * config.scale) as u64,
        }
    }
}

/// The tensors below one prefix.
struct Tensors<'a> {
    weights: &'a WeightFiles,
    prefix: &'static str,
}

impl Tensors<'_> {
    fn kernel(&self, layer: &str) -> Option<&[usize]> {
        self.weights.shape(&format!("{}{layer}.weight", self.prefix))
    }

    /// Output and input channels of a 3x3 kernel that must be there.
    fn channels(&self, layer: &str) -> Result<(usize, usize), String> {
        let name = format!("{}{layer}.weight", self.prefix);
        let sound = |n: usize| (1..=MAX_CHANNELS).contains(&n);
        match self.kernel(layer) {
            Some(&[output, input, 3, 3]) if sound(output) && sound(input) => Ok((output, input)),
            Some(shape) => {
                Err(format!("tensor `{name}` has shape {shape:?}, which no kernel of an upscaler has"))
            }
            None => Err(format!("has no tensor `{name}`")),
        }
    }

    fn naming(&self) -> Option<Naming> {
        let names = [Naming::Current, Naming::Trunk, Naming::Numbered];
        names.into_iter().find(|naming| self.kernel(&naming.dense(0, 1, 1)).is_some())
    }

    fn rrdb(&self, naming: Naming) -> Result<RrdbConfig, String> {
        let (channels, input) = self.channels(naming.first())?;
        let (growth, _) = self.channels(&naming.dense(0, 1, 1))?;
        let count = |layer: &dyn Fn(usize) -> String| {
            (0..=MAX_BLOCKS).take_while(|&i| self.kernel(&layer(i)).is_some()).count()
        };
        let blocks = count(&|i| naming.dense(i, 1, 1));
        let ups = match naming {
            Naming::Numbered => self.numbered_ups(),
            _ => count(&|i| naming.up(i + 1)),
        };
        if blocks > MAX_BLOCKS || ups > 4 {
            return Err(format!("has {blocks} blocks and {ups} enlargements, more than {MAX_BLOCKS} and 4"));
        }
        let (output, _) = self.channels(&naming.last(ups))?;
        let unshuffle = match (output, input) {
            (3, 3) => 1,
            (3, 12) => 2,
            (3, 48) => 4,
            _ => {
                return Err(format!(
                    "takes {input} channels and gives {output}; only colour pictures are supported"
                ));
            }
        };
        if self.kernel(&format!("{}x1", naming.dense(0, 1, 1).trim_end_matches(".0"))).is_some() {
            return Err("is an ESRGAN+ network, whose extra convolutions are not supported".to_owned());
        }
        if (1 << ups) % unshuffle != 0 {
            return Err("makes pictures smaller, which is not supported".to_owned());
        }
        Ok(RrdbConfig { naming, blocks, channels, growth, unshuffle, ups })
    }

    /// Enlargements of a network whose layers are numbered, of which the last is looked for: none up to four.
    fn numbered_ups(&self) -> usize {
        (0..=4).rev().find(|&ups| self.kernel(&Naming::Numbered.last(ups)).is_some()).unwrap_or(0)
    }

    fn is_compact(&self) -> bool {
        let slopes = self.kernel("body.1").is_some_and(|shape| shape.len() == 1);
        slopes && matches!(self.kernel("body.0"), Some(&[_, 3, 3, 3]))
    }

    fn compact(&self) -> Result<CompactConfig, String> {
        let (channels, _) = self.channels("body.0")?;
        let layers = (0..=MAX_BLOCKS).take_while(|i| self.kernel(&format!("body.{}", 2 * i)).is_some());
        let convolutions = layers.count();
        let last = format!("body.{}", 2 * convolutions.saturating_sub(1));
        let (output, _) = self.channels(&last)?;
        let scale = (output / 3).isqrt();
        let sound = (2..=MAX_BLOCKS).contains(&convolutions) && (1..=MAX_SCALE).contains(&scale);
        if !sound || 3 * scale * scale != output {
            return Err(format!(
                "tensor `{last}.weight` has {output} output channels after {convolutions} convolutions: not three \
                 colours for each pixel of a square"
            ));
        }
        Ok(CompactConfig { channels, convolutions, scale })
    }
}
