//! The way down of a UNet and its bottom: what a ControlNet is a copy of.

use candle_core::{DType, Device, Result, Tensor, bail};

use super::addition::{Addition, AdditionEmbedding};
use super::blocks::{DownBlock, MidBlock};
use super::config::UnetConfig;
use super::control::Residuals;
use super::transformer::{ContextReader, PromptContext};
use crate::diffusion::resnet::ResnetStyle;
use crate::nn::{Conv2d, Linear};
use crate::tensor::{Conv2dGeometry, silu};
use crate::weights::{Loaded, Weights};

/// First convolution, time embedding, the levels down and the bottom.
pub(super) struct Encoder {
    config: UnetConfig,
    conv_in: Conv2d,
    time1: Linear,
    time2: Linear,
    addition: Option<AdditionEmbedding>,
    down: Vec<DownBlock>,
    mid: MidBlock,
    device: Device,
    /// The type that feature maps are computed in.
    working_type: DType,
}

/// What the way down gives.
pub(super) struct Encoded {
    /// The feature map after the bottom.
    pub(super) hidden: Tensor,
    /// The feature maps that the way up joins, finest first.
    pub(super) skips: Vec<Tensor>,
}

impl Encoded {
    /// The same with what controls add.
    pub(super) fn controlled(self, controls: &Residuals) -> Result<Self> {
        if self.skips.len() != controls.skips.len() {
            bail!("controls for {} feature maps, not {}", controls.skips.len(), self.skips.len());
        }
        let pairs = self.skips.iter().zip(&controls.skips);
        Ok(Self {
            hidden: (&self.hidden + controls.mid.to_dtype(self.hidden.dtype())?)?,
            skips: pairs
                .map(|(skip, control)| skip + control.to_dtype(skip.dtype())?)
                .collect::<Result<_>>()?,
        })
    }
}

impl Encoder {
    pub(super) fn load(config: &UnetConfig, weights: &Weights, device: &Device) -> Loaded<Self> {
        let style = ResnetStyle::of_unet(config);
        let first = config.levels.first().map_or(0, |level| level.channels);
        let kernel = config.conv_in_kernel;
        let time = weights.sub("time_embedding");
        Ok(Self {
            conv_in: Conv2d::load(
                &weights.sub("conv_in"),
                config.in_channels,
                first,
                kernel,
                Conv2dGeometry::padded(kernel / 2),
            )?,
            time1: Linear::load(&time.sub("linear_1"), first, config.time_width)?,
            time2: Linear::load(&time.sub("linear_2"), config.time_width, config.time_width)?,
            addition: config
                .addition
                .map(|addition| {
                    AdditionEmbedding::load(addition, config, &weights.sub("add_embedding"), device)
                })
                .transpose()?,
            down: DownBlock::load_all(config, weights, style)?,
            mid: MidBlock::load(config, &weights.sub("mid_block"), style)?,
            config: config.clone(),
            device: device.clone(),
            working_type: weights.working_type(),
        })
    }

    /// The type that feature maps are computed in.
    pub(super) fn working_type(&self) -> DType {
        self.working_type
    }

    pub(super) fn config(&self) -> &UnetConfig {
        &self.config
    }

    /// Projects text states to the keys and values of every cross-attention, and embeds what is added to the time.
    pub(super) fn context(&self, text: &Tensor, addition: Option<Addition<'_>>) -> Result<PromptContext> {
        let mut context = PromptContext::default();
        context.added = match (&self.addition, addition) {
            (None, None) => None,
            (Some(embedding), Some(addition)) => Some(embedding.forward(addition)?),
            _ => bail!("the prompt was encoded for another kind of model"),
        };
        let text = text.to_dtype(self.working_type)?;
        for block in &self.down {
            block.project(&text, &mut context)?;
        }
        self.mid.project(&text, &mut context)?;
        Ok(context)
    }

    /// The activated embedding of a timestep (batch, width): sinusoids through two linear maps, and what the context
    /// adds. Computed in f32, whatever the type of the feature maps.
    pub(super) fn time(&self, timestep: f64, batch: usize, context: &PromptContext) -> Result<Tensor> {
        let width = self.config.levels.first().map_or(0, |level| level.channels);
        let wave =
            super::sinusoid(timestep as f32, width, self.config.frequency_shift, self.config.cosine_first);
        let wave = Tensor::from_vec(wave, (1, width), &self.device)?;
        let mut embedding = self.time2.forward(&silu(&self.time1.forward(&wave)?)?)?;
        if let Some(added) = &context.added {
            embedding = embedding.broadcast_add(added)?;
        }
        // Residual blocks begin by activating the embedding; once is enough.
        silu(&embedding)?.to_dtype(self.working_type)?.broadcast_as((batch, self.config.time_width))
    }

    /// Takes latents (batch, channels, height, width) down. `hint` (1, channels, height, width) is added after the
    /// first convolution.
    pub(super) fn forward(
        &self,
        latents: &Tensor,
        time: &Tensor,
        context: &mut ContextReader,
        hint: Option<&Tensor>,
    ) -> Result<Encoded> {
        let mut hidden = self.conv_in.forward(&latents.to_dtype(self.working_type)?)?;
        if let Some(hint) = hint {
            hidden = hidden.broadcast_add(hint)?;
        }
        let mut skips = vec![hidden.clone()];
        for block in &self.down {
            hidden = block.forward(hidden, time, context, &mut skips)?;
        }
        Ok(Encoded { hidden: self.mid.forward(&hidden, time, context)?, skips })
    }
}
