//! The Stable Diffusion pipeline: prompt to states, noise to latents step by step, latents to picture.

use candle_core::{Device, Result, Tensor};

use super::layout::ModelLayout;
use super::noise::NoiseSource;
use super::preview::LatentPreview;
use super::samplers::{Sampler, SchedulerConfig};
use super::unet::{PromptContext, Unet};
use super::vae::Vae;
use crate::text::{ClipTextModel, ClipTokenizer};
use crate::weights::{BrokenFile, Loaded, Weights};

/// A loaded model.
pub struct StableDiffusion {
    tokenizer: ClipTokenizer,
    text: ClipTextModel,
    unet: Unet,
    vae: Vae,
    scheduler: SchedulerConfig,
    preview: LatentPreview,
    device: Device,
}

/// The states of a prompt.
#[derive(Clone)]
pub struct PromptStates {
    /// Hidden states (1, tokens, width).
    pub states: Tensor,
    /// Tokens of the prompt that did not fit the window.
    pub dropped_tokens: usize,
}

/// What steers the noise predictor through all steps of a run.
pub struct Conditioning {
    context: PromptContext,
    /// Scale of classifier-free guidance, none when only the prompt is followed.
    guidance: Option<f64>,
}

/// One finished network call of a run.
pub struct CallReport<'a> {
    /// Number of the call, from 0, among all calls of the schedule.
    pub index: usize,
    /// The latents after it.
    pub latents: &'a Tensor,
    /// The clean latents that the network's output stands for.
    pub denoised: &'a Tensor,
}

/// What a run must not change: outside the mask, every step is put back to the picture at that step's noise.
pub struct Outside {
    mask: Tensor,
    clean: Tensor,
    noise: Tensor,
}

impl Outside {
    /// Keeps `clean` (1, channels, height, width) where `mask` is 0; `noise` of the same shape takes it to noise
    /// levels. The mask (1, 1, height, width) is 1 where the picture is to be made anew.
    pub fn new(mask: Tensor, clean: Tensor, noise: Tensor) -> Self {
        Self { mask, clean, noise }
    }

    /// The latents with what is outside put back, for the call `next`.
    fn restore(&self, latents: &Tensor, sampler: &dyn Sampler, next: usize) -> Result<Tensor> {
        let schedule = sampler.schedule();
        let kept = if next < schedule.timesteps.len() {
            schedule.add_noise(&self.clean, &self.noise, next)?
        } else {
            self.clean.clone()
        };
        &kept + (latents - &kept)?.broadcast_mul(&self.mask)?
    }
}

/// Where a run begins.
pub struct RunStart<'a> {
    /// The first sample.
    pub latents: Tensor,
    /// Network call to begin with; later than 0 when a picture is only partly noised.
    pub first: usize,
    /// What to leave alone, if anything.
    pub outside: Option<&'a Outside>,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The watcher asked for it.
    #[error("cancelled")]
    Cancelled,
    /// The numbers broke down.
    #[error(
        "the latents stopped being finite numbers at step {step}; fewer extremes in guidance or another sampler may help"
    )]
    NotFinite {
        /// Number of the step, from 1.
        step: usize,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// Follows a run.
pub trait Watcher {
    /// True if the run should end; asked before every network call.
    fn cancelled(&mut self) -> bool;
    /// A network call is finished.
    fn called(&mut self, report: CallReport<'_>);
}

impl StableDiffusion {
    /// Loads all weights onto a device.
    ///
    /// # Errors
    /// A file is broken or a tensor is missing or misshapen.
    pub fn load(layout: &ModelLayout, device: &Device) -> Loaded<Self> {
        let weights = |files| Weights::new(std::sync::Arc::clone(files), device);
        let text_weights = weights(&layout.text_weights);
        let vae = Vae::load(&layout.vae, &weights(&layout.vae_weights))?;
        let preview = LatentPreview::fit(&vae)
            .map_err(|e| BrokenFile::new(layout.folder.join("vae"), format!("cannot decode: {e}")))?;
        Ok(Self {
            tokenizer: ClipTokenizer::load(&layout.folder.join("tokenizer"), &layout.text)?,
            text: ClipTextModel::load(&layout.text, &text_weights, device)?,
            unet: Unet::load(&layout.unet, &weights(&layout.unet_weights), device)?,
            vae,
            scheduler: layout.scheduler.clone(),
            preview,
            device: device.clone(),
        })
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &ClipTokenizer {
        &self.tokenizer
    }

    /// The noise predictor.
    pub fn unet(&self) -> &Unet {
        &self.unet
    }

    /// The autoencoder.
    pub fn vae(&self) -> &Vae {
        &self.vae
    }

    /// The scheduler configuration.
    pub fn scheduler(&self) -> &SchedulerConfig {
        &self.scheduler
    }

    /// The map from latents to preview colours.
    pub fn preview(&self) -> &LatentPreview {
        &self.preview
    }

    /// Encodes a prompt, leaving out the last `clip_skip` layers of the text encoder.
    pub fn encode_prompt(&self, prompt: &str, clip_skip: usize) -> Result<PromptStates> {
        let window = self.tokenizer.window(prompt).map_err(candle_core::Error::Msg)?;
        Ok(PromptStates { states: self.text.encode(&window.ids, clip_skip)?, dropped_tokens: window.dropped })
    }

    /// Prepares the steering by a prompt, away from a negative one if given with a guidance scale.
    pub fn conditioning(&self, prompt: &Tensor, negative: Option<(&Tensor, f64)>) -> Result<Conditioning> {
        Ok(match negative {
            None => Conditioning { context: self.unet.context(prompt)?, guidance: None },
            Some((negative, scale)) => Conditioning {
                context: self.unet.context(&Tensor::cat(&[negative, prompt], 0)?)?,
                guidance: Some(scale),
            },
        })
    }

    /// Latents of pure noise for a picture size, as a run with this sampler begins.
    pub fn noise_latents(
        &self,
        width: usize,
        height: usize,
        sampler: &dyn Sampler,
        noise: &mut dyn NoiseSource,
    ) -> Result<Tensor> {
        let scale = self.vae.config().scale();
        let shape = (1, self.unet.config().in_channels, height / scale, width / scale);
        let count = shape.1 * shape.2 * shape.3;
        Tensor::from_vec(noise.draw(count), shape, &self.device)? * sampler.schedule().initial_scale
    }

    /// Latents of a picture (1, 3, height, width) in -1..1, sampled from the encoder's distribution.
    pub fn picture_latents(&self, picture: &Tensor, noise: &mut dyn NoiseSource) -> Result<Tensor> {
        let distribution = self.vae.encode(picture)?;
        let fresh = Tensor::from_vec(
            noise.draw(distribution.mean.elem_count()),
            distribution.mean.shape(),
            &self.device,
        )?;
        (distribution.mean + (distribution.std * fresh)?)? * self.vae.config().scaling_factor
    }

    /// A mask (1, 1, height, width) of picture size at the size of latents, by nearest pixels.
    pub fn latent_mask(&self, mask: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = mask.dims4()?;
        let scale = self.vae.config().scale();
        mask.upsample_nearest2d(height / scale, width / scale)
    }

    /// Runs the sampler from a start to the end.
    ///
    /// # Errors
    /// The watcher cancelled, or the numbers broke down.
    pub fn denoise(
        &self,
        conditioning: &Conditioning,
        sampler: &mut dyn Sampler,
        start: RunStart<'_>,
        noise: &mut dyn NoiseSource,
        watcher: &mut dyn Watcher,
    ) -> std::result::Result<Tensor, RunError> {
        let RunStart { mut latents, first, outside } = start;
        for index in first..sampler.schedule().timesteps.len() {
            if watcher.cancelled() {
                return Err(RunError::Cancelled);
            }
            let input = sampler.schedule().model_input(&latents, index)?;
            let output = self.predict(&input, sampler.schedule().timestep(index), conditioning)?;
            let denoised = sampler.schedule().denoised(&latents, &output, index)?;
            latents = sampler.step(index, &latents, &output, noise)?;
            if let Some(outside) = outside {
                latents = outside.restore(&latents, sampler, index + 1)?;
            }
            if !is_finite(&latents)? {
                return Err(RunError::NotFinite { step: index - first + 1 });
            }
            watcher.called(CallReport { index, latents: &latents, denoised: &denoised });
        }
        if watcher.cancelled() {
            return Err(RunError::Cancelled);
        }
        Ok(latents)
    }

    /// The network's prediction, guided if the conditioning says so: both halves run as one batch.
    fn predict(&self, input: &Tensor, timestep: f64, conditioning: &Conditioning) -> Result<Tensor> {
        let Some(scale) = conditioning.guidance else {
            return self.unet.forward(input, timestep, &conditioning.context);
        };
        let both = self.unet.forward(&Tensor::cat(&[input, input], 0)?, timestep, &conditioning.context)?;
        let (negative, prompt) = (both.narrow(0, 0, 1)?, both.narrow(0, 1, 1)?);
        &negative + ((prompt - &negative)? * scale)?
    }

    /// Decodes latents to a picture (1, 3, height, width) in -1..1 and a little beyond.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        self.vae.decode(&(latents / self.vae.config().scaling_factor)?)
    }
}

fn is_finite(x: &Tensor) -> Result<bool> {
    // Any infinity or not-a-number makes the sum of magnitudes one.
    Ok(x.abs()?.sum_all()?.to_scalar::<f32>()?.is_finite())
}
