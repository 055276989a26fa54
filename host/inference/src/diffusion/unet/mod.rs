//! The conditional UNet of Stable Diffusion: predicts noise (or velocity) from noisy latents, time and text.

mod blocks;
mod config;
mod transformer;

pub use config::{BlockKind, Level, UnetConfig};
pub use transformer::PromptContext;

use candle_core::{Device, Result, Tensor};

use self::blocks::{DownBlock, MidBlock, UpBlock};
use self::transformer::ContextReader;
use super::resnet::ResnetStyle;
use crate::nn::{Conv2d, GroupNorm, Linear};
use crate::tensor::{Conv2dGeometry, silu};
use crate::weights::{Loaded, Weights};

/// The network with its weights.
pub struct Unet {
    config: UnetConfig,
    conv_in: Conv2d,
    time1: Linear,
    time2: Linear,
    down: Vec<DownBlock>,
    mid: MidBlock,
    up: Vec<UpBlock>,
    norm_out: GroupNorm,
    conv_out: Conv2d,
    device: Device,
}

impl Unet {
    /// Loads the weights by diffusers' tensor names.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &UnetConfig, weights: &Weights, device: &Device) -> Loaded<Self> {
        let style = ResnetStyle {
            time_width: Some(config.time_width),
            groups: config.norm_groups,
            eps: config.norm_eps,
        };
        let first = config.levels.first().map_or(0, |level| level.channels);
        let (kernel_in, kernel_out) = (config.conv_in_kernel, config.conv_out_kernel);
        let time = weights.sub("time_embedding");
        Ok(Self {
            conv_in: Conv2d::load(
                &weights.sub("conv_in"),
                config.in_channels,
                first,
                kernel_in,
                Conv2dGeometry::padded(kernel_in / 2),
            )?,
            time1: Linear::load(&time.sub("linear_1"), first, config.time_width)?,
            time2: Linear::load(&time.sub("linear_2"), config.time_width, config.time_width)?,
            down: DownBlock::load_all(config, weights, style)?,
            mid: MidBlock::load(config, &weights.sub("mid_block"), style)?,
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
                kernel_out,
                Conv2dGeometry::padded(kernel_out / 2),
            )?,
            config: config.clone(),
            device: device.clone(),
        })
    }

    /// The dimensions.
    pub fn config(&self) -> &UnetConfig {
        &self.config
    }

    /// Projects text states (batch, tokens, width) to the keys and values of every cross-attention. They do not
    /// depend on time, so one context serves all steps.
    pub fn context(&self, text: &Tensor) -> Result<PromptContext> {
        let mut context = PromptContext::default();
        for block in &self.down {
            block.project(text, &mut context)?;
        }
        self.mid.project(text, &mut context)?;
        for block in &self.up {
            block.project(text, &mut context)?;
        }
        Ok(context)
    }

    /// Predicts from latents (batch, channels, height, width) at one timestep, which may be fractional. The
    /// context must come from [`Unet::context`] with the same batch.
    pub fn forward(&self, latents: &Tensor, timestep: f64, context: &PromptContext) -> Result<Tensor> {
        let (batch, _, height, width) = latents.dims4()?;
        let centred = if self.config.center_input { Some(((latents * 2.0)? - 1.0)?) } else { None };
        let latents = centred.as_ref().unwrap_or(latents);
        // Residual blocks begin by activating the embedding; once is enough.
        let time = silu(&self.time_embedding(timestep)?)?.broadcast_as((batch, self.config.time_width))?;
        let mut context = ContextReader::new(context);

        let mut hidden = self.conv_in.forward(latents)?;
        let mut skips = vec![hidden.clone()];
        for block in &self.down {
            hidden = block.forward(hidden, &time, &mut context, &mut skips)?;
        }
        hidden = self.mid.forward(&hidden, &time, &mut context)?;
        for block in &self.up {
            hidden = block.forward(hidden, &time, &mut context, &mut skips)?;
        }
        let (_, _, out_height, out_width) = hidden.dims4()?;
        if (out_height, out_width) != (height, width) {
            candle_core::bail!("latents of {width}x{height} came back as {out_width}x{out_height}");
        }
        self.conv_out.forward(&self.norm_out.forward_silu(&hidden)?)
    }

    /// The embedding of a timestep (1, width): sinusoids through two linear maps. Always computed in f32.
    fn time_embedding(&self, timestep: f64) -> Result<Tensor> {
        let width = self.config.levels.first().map_or(0, |level| level.channels);
        let wave = sinusoid(timestep as f32, width, self.config.frequency_shift, self.config.cosine_first);
        let wave = Tensor::from_vec(wave, (1, width), &self.device)?;
        self.time2.forward(&silu(&self.time1.forward(&wave)?)?)
    }
}

/// Sine and cosine of a timestep at geometrically falling frequencies (Ho et al., DDPM), `width` values.
fn sinusoid(timestep: f32, width: usize, frequency_shift: f64, cosine_first: bool) -> Vec<f32> {
    let half = width / 2;
    let rate = -(10_000f32.ln()) / (half as f32 - frequency_shift as f32);
    let angles: Vec<f32> = (0..half).map(|i| timestep * (rate * i as f32).exp()).collect();
    let sines = angles.iter().map(|a| a.sin());
    let cosines = angles.iter().map(|a| a.cos());
    let mut wave: Vec<f32> =
        if cosine_first { cosines.chain(sines).collect() } else { sines.chain(cosines).collect() };
    wave.resize(width, 0.0);
    wave
}
