//! The KL autoencoder: pictures to latent distributions and latents back to pictures.

mod bands;
mod blocks;
mod config;
mod tiles;

pub(super) use bands::Bands;
pub use config::{Normalization, VaeConfig};

use candle_core::{Device, Result, Tensor};

use self::blocks::{Decoder, Encoder};
use super::footprint::Extent;
use super::patches::{from_patches, to_patches};
use crate::nn::Conv2d;
use crate::tensor::Conv2dGeometry;
use crate::weights::{Loaded, Weights};

/// Bounds of the log-variance, so that its exponential stays finite.
const LOG_VARIANCE: (f64, f64) = (-30.0, 20.0);

/// Statistics of a batch norm without an affine step.
fn load_statistics(config: &VaeConfig, weights: &Weights, eps: f64) -> Loaded<(Tensor, Tensor)> {
    let channels = config.model_channels();
    let load = |name: &str| weights.tensor(name, &[channels]);
    let shaped = |mean: Tensor, variance: Tensor| {
        let shape = (1, channels, 1, 1);
        Result::Ok((mean.reshape(shape)?, (variance + eps)?.sqrt()?.reshape(shape)?))
    };
    shaped(load("running_mean")?, load("running_var")?).map_err(|e| weights.failed(e))
}

/// The autoencoder with its weights.
pub struct Vae {
    config: VaeConfig,
    encoder: Encoder,
    quant: Option<Conv2d>,
    post_quant: Option<Conv2d>,
    decoder: Decoder,
    /// Mean and standard deviation of each channel of patches, (1, channels, 1, 1) each.
    statistics: Option<(Tensor, Tensor)>,
}

/// The distribution of latents that a picture stands for, before the model's scaling factor.
pub struct LatentDistribution {
    /// Mean (batch, channels, height, width).
    pub mean: Tensor,
    /// Standard deviation, same shape.
    pub std: Tensor,
}

impl Vae {
    /// Loads the weights by diffusers' tensor names.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &VaeConfig, weights: &Weights) -> Loaded<Self> {
        let latent = config.latent_channels;
        let pointwise = |name: &str, channels: usize| {
            Conv2d::load(&weights.sub(name), channels, channels, 1, Conv2dGeometry::padded(0))
        };
        Ok(Self {
            encoder: Encoder::load(config, &weights.sub("encoder"))?,
            quant: config.quant_conv.then(|| pointwise("quant_conv", 2 * latent)).transpose()?,
            post_quant: config.post_quant_conv.then(|| pointwise("post_quant_conv", latent)).transpose()?,
            decoder: Decoder::load(config, &weights.sub("decoder"))?,
            statistics: match config.normalization {
                Normalization::Affine { .. } => None,
                Normalization::Patches { eps } => Some(load_statistics(config, &weights.sub("bn"), eps)?),
            },
            config: config.clone(),
        })
    }

    /// The dimensions.
    pub fn config(&self) -> &VaeConfig {
        &self.config
    }

    /// Encodes pictures (batch, 3, height, width) in -1..1.
    pub fn encode(&self, pictures: &Tensor) -> Result<LatentDistribution> {
        self.distribution(self.encoder.forward(pictures)?)
    }

    /// As [`Vae::encode`], band by band: the same latents with less memory in more time.
    pub fn encode_in_bands(&self, pictures: &Tensor) -> Result<LatentDistribution> {
        self.distribution(self.encoder.forward_in_bands(&self.config, pictures)?)
    }

    /// As [`Vae::encode`], at once or band by band.
    pub fn encode_by(&self, pictures: &Tensor, extent: Extent) -> Result<LatentDistribution> {
        match extent {
            Extent::Whole => self.encode(pictures),
            Extent::Parts => self.encode_in_bands(pictures),
        }
    }

    fn distribution(&self, mut moments: Tensor) -> Result<LatentDistribution> {
        if let Some(quant) = &self.quant {
            moments = quant.forward(&moments)?;
        }
        let latent = self.config.latent_channels;
        let mean = moments.narrow(1, 0, latent)?.contiguous()?;
        let log_variance = moments.narrow(1, latent, latent)?.clamp(LOG_VARIANCE.0, LOG_VARIANCE.1)?;
        Ok(LatentDistribution { mean, std: (log_variance * 0.5)?.exp()? })
    }

    /// Decodes latents (batch, channels, height, width), already divided by the scaling factor, to pictures
    /// (batch, 3, height * scale, width * scale) in about -1..1.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        match &self.post_quant {
            Some(post_quant) => self.decoder.forward(&post_quant.forward(latents)?),
            None => self.decoder.forward(latents),
        }
    }

    /// Latents (batch, channels, height, width) of the encoder as the diffusion model takes them.
    pub fn normalize(&self, latents: &Tensor) -> Result<Tensor> {
        match (&self.statistics, self.config.normalization) {
            (Some((mean, std)), _) => to_patches(latents)?.broadcast_sub(mean)?.broadcast_div(std),
            (None, Normalization::Affine { factor, shift }) => (latents - shift)? * factor,
            (None, Normalization::Patches { .. }) => to_patches(latents),
        }
    }

    /// Latents of the diffusion model as the decoder takes them.
    pub fn denormalize(&self, latents: &Tensor) -> Result<Tensor> {
        match (&self.statistics, self.config.normalization) {
            (Some((mean, std)), _) => from_patches(&latents.broadcast_mul(std)?.broadcast_add(mean)?),
            (None, Normalization::Affine { factor, shift }) => (latents / factor)? + shift,
            (None, Normalization::Patches { .. }) => from_patches(latents),
        }
    }

    /// Where its weights live.
    pub fn device(&self) -> &Device {
        self.decoder.device()
    }
}
