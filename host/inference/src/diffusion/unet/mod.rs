//! The conditional UNet of Stable Diffusion: predicts noise (or velocity) from noisy latents, time and text.

mod addition;
mod blocks;
mod config;
mod control;
mod encoder;
mod transformer;

pub use addition::{Addition, AdditionConfig, Framing};
pub use config::{BlockKind, Level, UnetConfig};
pub use control::{ControlConfig, ControlNet, Residuals};
pub use transformer::PromptContext;

use candle_core::{Device, Result, Tensor, bail};

use self::blocks::UpBlock;
use self::encoder::{Encoded, Encoder};
use self::transformer::ContextReader;
use super::resnet::ResnetStyle;
use crate::nn::{Conv2d, GroupNorm};
use crate::tensor::Conv2dGeometry;
use crate::weights::{Loaded, Weights};

/// The network with its weights.
pub struct Unet {
    encoder: Encoder,
    up: Vec<UpBlock>,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Unet {
    /// Loads the weights by diffusers' tensor names.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &UnetConfig, weights: &Weights, device: &Device) -> Loaded<Self> {
        let style = ResnetStyle::of_unet(config);
        let first = config.levels.first().map_or(0, |level| level.channels);
        let kernel = config.conv_out_kernel;
        Ok(Self {
            encoder: Encoder::load(config, weights, device)?,
            up: UpBlock::load_all(config, weights, style)?,
            norm_out: GroupNorm::load(
                &weights.sub("conv_norm_out"),
                first,
                config.norm_groups,
                config.norm_eps,
            )?,
            conv_out: Conv2d::load(
                &weights.sub("conv_out"),
                first,
                config.out_channels,
                kernel,
                Conv2dGeometry::padded(kernel / 2),
            )?,
        })
    }

    /// The dimensions.
    pub fn config(&self) -> &UnetConfig {
        self.encoder.config()
    }

    /// Projects text states (batch, tokens, width) to the keys and values of every cross-attention. They do not
    /// depend on time, so one context serves all steps. Networks that are told more than text states get that in
    /// `addition`, others none.
    pub fn context(&self, text: &Tensor, addition: Option<Addition<'_>>) -> Result<PromptContext> {
        let mut context = self.encoder.context(text, addition)?;
        let text = text.to_dtype(self.encoder.working_type())?;
        for block in &self.up {
            block.project(&text, &mut context)?;
        }
        Ok(context)
    }

    /// Predicts from latents (batch, channels, height, width) at one timestep, which may be fractional. The
    /// context must come from [`Unet::context`] with the same batch.
    pub fn forward(&self, latents: &Tensor, timestep: f64, context: &PromptContext) -> Result<Tensor> {
        self.forward_controlled(latents, timestep, context, None)
    }

    /// As [`Unet::forward`], with what controls add to the feature maps.
    pub fn forward_controlled(
        &self,
        latents: &Tensor,
        timestep: f64,
        context: &PromptContext,
        controls: Option<&Residuals>,
    ) -> Result<Tensor> {
        let (batch, _, height, width) = latents.dims4()?;
        let centred = if self.config().center_input { Some(((latents * 2.0)? - 1.0)?) } else { None };
        let latents = centred.as_ref().unwrap_or(latents);
        let time = self.encoder.time(timestep, batch, context)?;
        let mut context = ContextReader::new(context);

        let mut encoded = self.encoder.forward(latents, &time, &mut context, None)?;
        if let Some(controls) = controls {
            encoded = encoded.controlled(controls)?;
        }
        let Encoded { mut hidden, mut skips } = encoded;
        for block in &self.up {
            hidden = block.forward(hidden, &time, &mut context, &mut skips)?;
        }
        let (_, _, out_height, out_width) = hidden.dims4()?;
        if (out_height, out_width) != (height, width) {
            bail!("latents of {width}x{height} came back as {out_width}x{out_height}");
        }
        self.conv_out.forward(&self.norm_out.forward_silu(&hidden)?)?.to_dtype(latents.dtype())
    }
}

/// Sine and cosine of a timestep at geometrically falling frequencies (Ho et al., DDPM), `width` values.
pub(super) fn sinusoid(timestep: f32, width: usize, frequency_shift: f64, cosine_first: bool) -> Vec<f32> {
    let half = width / 2;
    let count = half as f32 - frequency_shift as f32;
    let frequency = |i: usize| (-(10_000f32.ln()) * i as f32 / count).exp();
    let angles: Vec<f32> = (0..half).map(|i| timestep * frequency(i)).collect();
    let sines = angles.iter().map(|a| a.sin());
    let cosines = angles.iter().map(|a| a.cos());
    let mut wave: Vec<f32> =
        if cosine_first { cosines.chain(sines).collect() } else { sines.chain(cosines).collect() };
    wave.resize(width, 0.0);
    wave
}
