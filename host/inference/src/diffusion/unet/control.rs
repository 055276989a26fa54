//! ControlNet (Zhang et al. 2023): a copy of a UNet's way down that also sees a picture, and adds to the UNet's feature
//! maps what that picture asks for.

use candle_core::{Device, Result, Tensor, bail};

use super::addition::Addition;
use super::config::UnetConfig;
use super::encoder::{Encoded, Encoder};
use super::transformer::{ContextReader, PromptContext};
use crate::nn::Conv2d;
use crate::tensor::{Conv2dGeometry, silu};
use crate::weights::{ConfigFile, Loaded, Weights};

/// Colours of the picture.
const COLOURS: usize = 3;
/// Most channels of its embedding.
const MAX_CHANNELS: usize = 1 << 14;

/// Dimensions of a ControlNet.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlConfig {
    /// Those of the way down, which are those of the UNet that it controls.
    pub unet: UnetConfig,
    /// Channels of the picture's embedding, from its full size on; each next one is at half the size.
    pub hint_channels: Vec<usize>,
}

impl ControlConfig {
    /// Reads a `config.json` of `ControlNetModel`.
    ///
    /// # Errors
    /// A key is missing, or asks for a computation that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        config.must_be_off(&["global_pool_conditions"])?;
        config.must_be("controlnet_conditioning_channel_order", "rgb")?;
        config.must_be("conditioning_channels", COLOURS)?;
        let hint_channels = match config.get("conditioning_embedding_out_channels") {
            None => vec![16, 32, 96, 256],
            Some(_) => config.sizes("conditioning_embedding_out_channels", MAX_CHANNELS)?,
        };
        Ok(Self { unet: UnetConfig::read_control(config)?, hint_channels })
    }

    /// Picture pixels per latent pixel, in each direction.
    pub fn scale(&self) -> usize {
        1usize.checked_shl(self.hint_channels.len().saturating_sub(1) as u32).unwrap_or(usize::MAX)
    }
}

/// The network with its weights.
pub struct ControlNet {
    config: ControlConfig,
    encoder: Encoder,
    hint: HintEmbedding,
    down: Vec<Conv2d>,
    mid: Conv2d,
}

/// What controls add to the feature maps of a UNet.
pub struct Residuals {
    /// To those that the way up joins, finest first.
    pub(super) skips: Vec<Tensor>,
    /// To the one after the bottom.
    pub(super) mid: Tensor,
}

impl Residuals {
    /// What two controls add together.
    pub fn and(self, other: &Self) -> Result<Self> {
        let pairs = self.skips.iter().zip(&other.skips);
        Ok(Self { skips: pairs.map(|(a, b)| a + b).collect::<Result<_>>()?, mid: (self.mid + &other.mid)? })
    }
}

impl ControlNet {
    /// Loads the weights by diffusers' tensor names.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &ControlConfig, weights: &Weights, device: &Device) -> Loaded<Self> {
        let flat = |name: &str, channels: usize| {
            Conv2d::load(&weights.sub(name), channels, channels, 1, Conv2dGeometry::padded(0))
        };
        let maps = skip_channels(&config.unet);
        let down = maps.iter().enumerate();
        Ok(Self {
            encoder: Encoder::load(&config.unet, weights, device)?,
            hint: HintEmbedding::load(config, &weights.sub("controlnet_cond_embedding"))?,
            down: down
                .map(|(i, channels)| flat(&format!("controlnet_down_blocks.{i}"), *channels))
                .collect::<Loaded<_>>()?,
            mid: flat("controlnet_mid_block", config.unet.levels.last().map_or(0, |level| level.channels))?,
            config: config.clone(),
        })
    }

    /// The dimensions.
    pub fn config(&self) -> &ControlConfig {
        &self.config
    }

    /// Keys and values of text states (batch, tokens, width) and what else it is told, which serve all steps.
    pub fn context(&self, text: &Tensor, addition: Option<Addition<'_>>) -> Result<PromptContext> {
        self.encoder.context(text, addition)
    }

    /// Embeds a picture (1, 3, height, width) in 0..1, which serves all steps.
    pub fn embed(&self, picture: &Tensor) -> Result<Tensor> {
        self.hint.forward(&picture.to_dtype(self.encoder.working_type())?)
    }

    /// What is added to the feature maps for latents (batch, channels, height, width) at a timestep, times `weight`.
    /// The context must come from [`ControlNet::context`] with the same batch, the hint from [`ControlNet::embed`].
    pub fn forward(
        &self,
        latents: &Tensor,
        timestep: f64,
        context: &PromptContext,
        hint: &Tensor,
        weight: f64,
    ) -> Result<Residuals> {
        let time = self.encoder.time(timestep, latents.dim(0)?, context)?;
        let mut context = ContextReader::new(context);
        let Encoded { hidden, skips } = self.encoder.forward(latents, &time, &mut context, Some(hint))?;
        if skips.len() != self.down.len() {
            bail!("{} feature maps for {} controls", skips.len(), self.down.len());
        }
        let scaled = |conv: &Conv2d, map: &Tensor| conv.forward(map)? * weight;
        let pairs = self.down.iter().zip(&skips);
        Ok(Residuals {
            skips: pairs.map(|(conv, map)| scaled(conv, map)).collect::<Result<_>>()?,
            mid: scaled(&self.mid, &hidden)?,
        })
    }
}

/// Channels of the feature maps that the way up joins, finest first.
fn skip_channels(config: &UnetConfig) -> Vec<usize> {
    let last = config.levels.len().saturating_sub(1);
    let first = config.levels.first().map(|level| level.channels);
    let levels = config.levels.iter().enumerate();
    let maps = levels.flat_map(|(i, level)| {
        let downsampled = usize::from(i != last);
        std::iter::repeat_n(level.channels, level.layers + downsampled)
    });
    first.into_iter().chain(maps).collect()
}

/// Convolutions that bring a picture to the size and channels of the first feature map.
struct HintEmbedding {
    first: Conv2d,
    blocks: Vec<Conv2d>,
    last: Conv2d,
}

impl HintEmbedding {
    fn load(config: &ControlConfig, weights: &Weights) -> Loaded<Self> {
        let same = Conv2dGeometry::padded(1);
        let halving = Conv2dGeometry { stride: 2, ..same };
        let conv = |name: &str, input: usize, output: usize, geometry: Conv2dGeometry| {
            Conv2d::load(&weights.sub(name), input, output, 3, geometry)
        };
        let channels = &config.hint_channels;
        let finest = channels.first().copied().unwrap_or_default();
        let coarsest = channels.last().copied().unwrap_or_default();
        let mut blocks = Vec::new();
        for (i, (input, output)) in channels.iter().zip(channels.iter().skip(1)).enumerate() {
            blocks.push(conv(&format!("blocks.{}", 2 * i), *input, *input, same)?);
            blocks.push(conv(&format!("blocks.{}", 2 * i + 1), *input, *output, halving)?);
        }
        let model = config.unet.levels.first().map_or(0, |level| level.channels);
        Ok(Self {
            first: conv("conv_in", COLOURS, finest, same)?,
            blocks,
            last: conv("conv_out", coarsest, model, same)?,
        })
    }

    fn forward(&self, picture: &Tensor) -> Result<Tensor> {
        let mut hidden = silu(&self.first.forward(picture)?)?;
        for block in &self.blocks {
            hidden = silu(&block.forward(&hidden)?)?;
        }
        self.last.forward(&hidden)
    }
}
