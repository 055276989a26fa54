//! What all painters have in common: prompt to states, noise to latents step by step, latents to picture. A kind of
//! model adds how its prompts are read and how its network predicts.

use std::collections::VecDeque;

use candle_core::{Result, Tensor};

pub use super::base::Base;
use super::footprint::Extent;
use super::guide::Texts;
pub use super::guide::{Course, Guide, LayerSkipping, PromptStates, Stage, Steering, WeighedPrompt, Wording};
use super::noise::NoiseSource;
use super::preview::LatentPreview;
use super::samplers::{FlowScheduler, Sampler, SamplerChoice, SamplerError, SamplerId, ScheduleId};
use super::unet::ControlConfig;
use super::vae::Vae;
use crate::slots::Slots;

/// Predictors that are kept while a guide follows several texts in turn.
const KEPT_PREDICTORS: usize = 4;

/// A network that a guide steers, for one size of latents.
pub trait Predictor {
    /// The network's output for latents (1, channels, height, width) at a timestep of the schedule, guided.
    fn predict(&self, latents: &Tensor, timestep: f64) -> Result<Tensor>;

    /// The same for networks whose steering changes in the course of a run.
    fn predict_in(&self, _course: Course, latents: &Tensor, timestep: f64) -> Result<Tensor> {
        self.predict(latents, timestep)
    }
}

/// The predictors of a run, one for each pair of texts that its guide follows in turn.
struct Predictors<'a, 'g, P: Pipeline + ?Sized> {
    pipeline: &'a P,
    guide: &'g Guide<'g>,
    size: (usize, usize),
    /// Newest first.
    kept: VecDeque<Kept<'a>>,
}

/// The predictor for a pair of texts.
struct Kept<'a> {
    texts: Texts,
    predictor: Box<dyn Predictor + 'a>,
}

impl<'a, P: Pipeline + ?Sized> Predictors<'a, '_, P> {
    /// The predictor of a step.
    fn at(&mut self, step: usize) -> Result<&dyn Predictor> {
        let guide = self.guide.at(step);
        let texts = guide.texts();
        let place = self.kept.iter().position(|kept| kept.texts == texts);
        let entry = match place.and_then(|place| self.kept.remove(place)) {
            Some(entry) => entry,
            None => Kept { texts, predictor: self.pipeline.predictor(&guide, self.size)? },
        };
        self.kept.truncate(KEPT_PREDICTORS - 1);
        self.kept.push_front(entry);
        match self.kept.front() {
            Some(newest) => Ok(newest.predictor.as_ref()),
            None => candle_core::bail!("no predictor was kept"),
        }
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
    /// What it has in common with all others.
    fn base(&self) -> &Base;

    /// The autoencoder.
    fn vae(&self) -> &Vae {
        &self.base().vae
    }

    /// The map from latents to preview colours.
    fn preview(&self) -> &LatentPreview {
        &self.base().preview
    }

    /// Where adapters reach its layers.
    fn slots(&self) -> &Slots {
        &self.base().slots
    }

    /// Checks that its network can be steered by a control.
    ///
    /// # Errors
    /// It cannot; the text says why.
    fn takes(&self, _control: &ControlConfig) -> std::result::Result<(), String> {
        Err("this model takes no ControlNets; those of Stable Diffusion 1.x, 2.x and XL do".to_owned())
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

    /// The schedules that a rule follows, or the model's own rule if none is named.
    fn schedules(&self, _rule: Option<SamplerId>) -> &'static [ScheduleId] {
        FlowScheduler::SCHEDULES
    }

    /// Encodes a prompt, leaving out the last `clip_skip` layers of encoders that allow it.
    fn encode_prompt(&self, prompt: &str, clip_skip: usize) -> Result<PromptStates>;

    /// Encodes what to keep away from. Nothing said may mean something else than a prompt without words.
    fn encode_negative(&self, negative: &str, clip_skip: usize) -> Result<PromptStates> {
        self.encode_prompt(negative, clip_skip)
    }

    /// Widths of the encoders that weigh words, take embeddings and read on in further windows; none if those of this
    /// model don't.
    fn text_widths(&self) -> Vec<usize> {
        Vec::new()
    }

    /// The windows that a text takes.
    fn windows(&self, _wording: &Wording<'_>) -> Result<usize> {
        Ok(1)
    }

    /// True if its network can follow several prompts at once.
    fn adds_prompts(&self) -> bool {
        false
    }

    /// Encodes a prompt with all that it says, as far as the encoders go along.
    fn encode_wording(&self, wording: &Wording<'_>) -> Result<PromptStates> {
        self.encode_prompt(&wording.text.words(), wording.clip_skip)
    }

    /// The same for what to keep away from.
    fn encode_unwanted(&self, wording: &Wording<'_>) -> Result<PromptStates> {
        self.encode_negative(&wording.text.words(), wording.clip_skip)
    }

    /// Layers of the network that can be skipped for guidance; 0 if it takes no such guidance.
    fn skippable_layers(&self) -> usize {
        0
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
    fn picture_latents(
        &self,
        picture: &Tensor,
        encoding: Extent,
        noise: &mut dyn NoiseSource,
    ) -> Result<Tensor> {
        let distribution = self.vae().encode_by(picture, encoding)?;
        let mean = &distribution.mean;
        let fresh = Tensor::from_vec(noise.draw(mean.elem_count()), mean.shape(), self.vae().device())?;
        self.vae().normalize(&(mean + (distribution.std * fresh)?)?)
    }

    /// What a network that only inpaints sees of a picture (1, 3, height, width) in -1..1 around a mask (1, 1, height,
    /// width) of the same size: the mask and then the latents of the picture without the masked part, (1, 1 + channels,
    /// height, width) of latent size.
    fn surroundings(
        &self,
        picture: &Tensor,
        mask: &Tensor,
        encoding: Extent,
        noise: &mut dyn NoiseSource,
    ) -> Result<Tensor> {
        let unmasked = picture.broadcast_mul(&(1.0 - mask)?)?;
        let latents = self.picture_latents(&unmasked, encoding, noise)?;
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
        let mut predictors =
            Predictors { pipeline: self, guide, size: (height, width), kept: VecDeque::new() };
        let calls = sampler.schedule().timesteps.len();
        for index in first..calls {
            if watcher.cancelled() {
                return Err(RunError::Cancelled);
            }
            let input = sampler.schedule().model_input(&latents, index)?;
            let call = index - first;
            let course = Course { call, calls: calls - first, step: call / sampler.calls_per_step() };
            let output =
                predictors.at(course.step)?.predict_in(course, &input, sampler.schedule().timestep(index))?;
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
