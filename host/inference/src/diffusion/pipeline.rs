//! What all painters have in common: prompt to states, noise to latents step by step, latents to picture. A kind of
//! model adds how its prompts are read and how its network predicts.

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::noise::NoiseSource;
use super::preview::LatentPreview;
use super::samplers::{Sampler, SamplerChoice, SamplerError};
use super::unet::{ControlConfig, ControlNet, Framing};
use super::vae::Vae;
use crate::slots::Slots;

/// The states of a prompt.
#[derive(Clone)]
pub struct PromptStates {
    /// Hidden states (1, tokens, width).
    pub states: Tensor,
    /// One vector for the whole prompt (1, width), where the network takes one.
    pub pooled: Option<Tensor>,
    /// Tokens of the prompt that did not fit the window.
    pub dropped_tokens: usize,
}

/// What steers the network through all steps of a run.
#[derive(Clone, Copy)]
pub struct Guide<'a> {
    /// What should be seen.
    pub prompt: &'a PromptStates,
    /// What should not be seen; none when only the prompt is followed.
    pub negative: Option<&'a PromptStates>,
    /// How strongly: the scale of classifier-free guidance, or the number that a guidance-distilled network takes in.
    pub scale: f64,
    /// Latents of pictures that the network may look at, as [`Pipeline::picture_latents`] gives them.
    pub references: &'a [Tensor],
    /// What steers it beside the prompt, for networks that take that.
    pub controls: &'a [Steering],
    /// How the picture lies in the one that it is cut from, for networks that are told; none for a whole picture.
    pub framing: Option<Framing>,
    /// What [`Pipeline::surroundings`] gives, for networks that only inpaint.
    pub surroundings: Option<&'a Tensor>,
}

/// A control at work in a run.
#[derive(Clone)]
pub struct Steering {
    /// The network.
    pub net: Arc<ControlNet>,
    /// The picture (1, 3, height, width) in 0..1 that it sees, of the size of the picture to make.
    pub picture: Tensor,
    /// What is added to the network's feature maps is multiplied by this.
    pub weight: f64,
    /// The share of the run's calls, 0 to 1, before which it does nothing.
    pub start: f64,
    /// The share of the run's calls, 0 to 1, after which it does nothing.
    pub end: f64,
}

impl Steering {
    /// True if it takes part in a call: if all of the call lies between start and end (`control_guidance_start` and
    /// `control_guidance_end` in diffusers).
    pub fn acts_in(&self, course: Course) -> bool {
        let calls = course.calls.max(1) as f64;
        let (begin, end) = (course.call as f64 / calls, (course.call + 1) as f64 / calls);
        self.weight != 0.0 && begin >= self.start && end <= self.end
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// Number of the network call, from 0, among those of the run.
    pub call: usize,
    /// Network calls of the run.
    pub calls: usize,
}

impl<'a> Guide<'a> {
    /// Follows a prompt alone.
    pub fn prompt(prompt: &'a PromptStates) -> Self {
        Self::new(prompt, None, 1.0)
    }

    /// Follows a prompt and, where one is given, keeps away from another.
    pub fn new(prompt: &'a PromptStates, negative: Option<&'a PromptStates>, scale: f64) -> Self {
        Self { prompt, negative, scale, references: &[], controls: &[], framing: None, surroundings: None }
    }
}

/// A network that a guide steers, for one size of latents.
pub trait Predictor {
    /// The network's output for latents (1, channels, height, width) at a timestep of the schedule, guided.
    fn predict(&self, latents: &Tensor, timestep: f64) -> Result<Tensor>;

    /// The same for networks whose steering changes in the course of a run.
    fn predict_in(&self, _course: Course, latents: &Tensor, timestep: f64) -> Result<Tensor> {
        self.predict(latents, timestep)
    }
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

/// A loaded model that paints. Latents are maps (1, channels, height, width) as [`Vae::normalize`] gives them.
pub trait Pipeline: Send + Sync {
    /// The autoencoder.
    fn vae(&self) -> &Vae;

    /// The map from latents to preview colours.
    fn preview(&self) -> &LatentPreview;

    /// Where adapters reach its layers; none if it takes none.
    fn slots(&self) -> Option<&Slots> {
        None
    }

    /// Checks that its network can be steered by a control.
    ///
    /// # Errors
    /// It cannot; the text says why.
    fn takes(&self, _control: &ControlConfig) -> std::result::Result<(), String> {
        Err("this model takes no controls".to_owned())
    }

    /// Sets up the sampler for pictures of a width and height.
    ///
    /// # Errors
    /// The choice cannot be followed.
    fn sampler(
        &self,
        choice: SamplerChoice,
        size: (usize, usize),
    ) -> std::result::Result<Box<dyn Sampler>, SamplerError>;

    /// Encodes a prompt, leaving out the last `clip_skip` layers of encoders that allow it.
    fn encode_prompt(&self, prompt: &str, clip_skip: usize) -> Result<PromptStates>;

    /// Encodes what to keep away from. Nothing said may mean something else than a prompt without words.
    fn encode_negative(&self, negative: &str, clip_skip: usize) -> Result<PromptStates> {
        self.encode_prompt(negative, clip_skip)
    }

    /// The network under a guide, for latents of a height and width.
    fn predictor<'a>(&'a self, guide: &Guide<'_>, size: (usize, usize)) -> Result<Box<dyn Predictor + 'a>>;

    /// Latents of pure noise for a picture size, as a run with this sampler begins.
    fn noise_latents(
        &self,
        width: usize,
        height: usize,
        sampler: &dyn Sampler,
        noise: &mut dyn NoiseSource,
    ) -> Result<Tensor> {
        let config = self.vae().config();
        let shape = (1, config.model_channels(), height / config.model_scale(), width / config.model_scale());
        let count = shape.1 * shape.2 * shape.3;
        Tensor::from_vec(noise.draw(count), shape, self.vae().device())? * sampler.schedule().initial_scale
    }

    /// Latents of a picture (1, 3, height, width) in -1..1, sampled from the encoder's distribution.
    fn picture_latents(&self, picture: &Tensor, noise: &mut dyn NoiseSource) -> Result<Tensor> {
        let distribution = self.vae().encode(picture)?;
        let mean = &distribution.mean;
        let fresh = Tensor::from_vec(noise.draw(mean.elem_count()), mean.shape(), self.vae().device())?;
        self.vae().normalize(&(mean + (distribution.std * fresh)?)?)
    }

    /// What a network that only inpaints sees of a picture (1, 3, height, width) in -1..1 around a mask (1, 1, height,
    /// width) of the same size: the mask and then the latents of the picture without the masked part, (1, 1 + channels,
    /// height, width) of latent size.
    fn surroundings(&self, picture: &Tensor, mask: &Tensor, noise: &mut dyn NoiseSource) -> Result<Tensor> {
        let unmasked = picture.broadcast_mul(&(1.0 - mask)?)?;
        let latents = self.picture_latents(&unmasked, noise)?;
        Tensor::cat(&[&self.latent_mask(mask)?, &latents], 1)
    }

    /// A mask (1, 1, height, width) of picture size at the size of latents, by nearest pixels.
    fn latent_mask(&self, mask: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = mask.dims4()?;
        let scale = self.vae().config().model_scale();
        mask.upsample_nearest2d(height / scale, width / scale)
    }

    /// Runs the sampler from a start to the end.
    ///
    /// # Errors
    /// The watcher cancelled, or the numbers broke down.
    fn denoise(
        &self,
        guide: &Guide<'_>,
        sampler: &mut dyn Sampler,
        start: RunStart<'_>,
        noise: &mut dyn NoiseSource,
        watcher: &mut dyn Watcher,
    ) -> std::result::Result<Tensor, RunError> {
        let RunStart { mut latents, first, outside } = start;
        let (_, _, height, width) = latents.dims4()?;
        let predictor = self.predictor(guide, (height, width))?;
        let calls = sampler.schedule().timesteps.len();
        for index in first..calls {
            if watcher.cancelled() {
                return Err(RunError::Cancelled);
            }
            let input = sampler.schedule().model_input(&latents, index)?;
            let course = Course { call: index - first, calls: calls - first };
            let output = predictor.predict_in(course, &input, sampler.schedule().timestep(index))?;
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

    /// Decodes latents to a picture (1, 3, height, width) in -1..1 and a little beyond.
    fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        self.vae().decode(&self.vae().denormalize(latents)?)
    }
}

/// Moves the prediction away from that for a negative prompt: classifier-free guidance of a scale.
pub(super) fn guided(prompt: &Tensor, negative: &Tensor, scale: f64) -> Result<Tensor> {
    negative + ((prompt - negative)? * scale)?
}

fn is_finite(x: &Tensor) -> Result<bool> {
    // Any infinity or not-a-number makes the sum of magnitudes one.
    Ok(x.abs()?.sum_all()?.to_scalar::<f32>()?.is_finite())
}
