//! Stable Diffusion with a UNet: states of one CLIP encoder, or two in Stable Diffusion XL, steer a prediction of noise
//! or velocity.
//!
//! Follows `pipeline_stable_diffusion.py` and `pipeline_stable_diffusion_xl.py` of diffusers.

use candle_core::{Device, Result, Tensor, bail};

use super::clip::{ClipPart, ClipReader, read_windows_jointly, windows_of};
use super::components::tensors;
use super::layout::ModelLayout;
use super::pipeline::{Base, Course, Guide, Pipeline, Predictor, PromptStates, Steering, Wording, guided};
use super::samplers::{Sampler, SamplerChoice, SamplerError, SamplerId, ScheduleId, SchedulerConfig};
use super::unet::{Addition, ControlConfig, Framing, PromptContext, Residuals, Unet, UnetConfig};
use crate::prompt::PromptText;
use crate::text::ClipTokenizer;
use crate::weights::Loaded;

/// A loaded model.
pub struct StableDiffusion {
    text: ClipReader,
    second_text: Option<ClipReader>,
    zeros_for_no_negative: bool,
    unet: Unet,
    base: Base,
    scheduler: SchedulerConfig,
}

impl StableDiffusion {
    /// Loads all weights onto a device.
    ///
    /// # Errors
    /// A file is broken or a tensor is missing or misshapen.
    pub fn load(layout: &ModelLayout, device: &Device) -> Loaded<Self> {
        let base = Base::load(&layout.vae, &layout.vae_weights, &layout.components, device)?;
        let text = |part: &ClipPart, name: &'static str| {
            part.load(
                &tensors(&part.weights, device).with_slots(&base.slots, name).held(&layout.holding),
                device,
            )
        };
        let unet_weights =
            tensors(&layout.unet_weights, device).with_slots(&base.slots, "unet").held(&layout.holding);
        Ok(Self {
            text: text(&layout.text, "text_encoder")?,
            second_text: layout.second_text.as_ref().map(|part| text(part, "text_encoder_2")).transpose()?,
            zeros_for_no_negative: layout.zeros_for_no_negative,
            unet: Unet::load(&layout.unet, &unet_weights, device)?,
            base,
            scheduler: layout.scheduler.clone(),
        })
    }

    /// The tokenizer of the first text encoder.
    pub fn tokenizer(&self) -> &ClipTokenizer {
        &self.text.tokenizer
    }

    /// The noise predictor.
    pub fn unet(&self) -> &Unet {
        &self.unet
    }

    /// The scheduler configuration.
    pub fn scheduler(&self) -> &SchedulerConfig {
        &self.scheduler
    }

    fn texts(&self) -> impl Iterator<Item = &ClipReader> {
        std::iter::once(&self.text).chain(&self.second_text)
    }

    fn latent_channels(&self) -> usize {
        self.base.vae.config().model_channels()
    }
}

impl Pipeline for StableDiffusion {
    fn base(&self) -> &Base {
        &self.base
    }

    fn takes(&self, control: &ControlConfig) -> std::result::Result<(), String> {
        let (unet, own) = (&control.unet, self.unet.config());
        let shape = |config: &UnetConfig| {
            let levels = config.levels.iter().map(|level| (level.channels, level.layers, level.text_width));
            levels.collect::<Vec<_>>()
        };
        if shape(unet) != shape(own) || unet.addition != own.addition {
            return Err("it was made for a network of other dimensions".to_owned());
        }
        let (latents, scale) = (self.latent_channels(), self.base.vae.config().model_scale());
        if (unet.in_channels, control.scale()) != (latents, scale) {
            return Err("it was made for latents of another kind".to_owned());
        }
        Ok(())
    }

    fn sampler(
        &self,
        choice: SamplerChoice,
        _size: (usize, usize),
    ) -> std::result::Result<Box<dyn Sampler>, SamplerError> {
        let rule = choice.rule.unwrap_or(self.scheduler.sampler);
        rule.prepare(&self.scheduler, choice.schedule, choice.steps)
    }

    fn schedules(&self, rule: Option<SamplerId>) -> &'static [ScheduleId] {
        rule.unwrap_or(self.scheduler.sampler).schedules()
    }

    fn encode_prompt(&self, prompt: &str, clip_skip: usize) -> Result<PromptStates> {
        self.encode_wording(&Wording::plain(&PromptText::plain(prompt), clip_skip))
    }

    fn encode_negative(&self, negative: &str, clip_skip: usize) -> Result<PromptStates> {
        self.encode_unwanted(&Wording::plain(&PromptText::plain(negative), clip_skip))
    }

    fn text_widths(&self) -> Vec<usize> {
        self.texts().map(|text| text.model.width()).collect()
    }

    fn adds_prompts(&self) -> bool {
        true
    }

    fn windows(&self, wording: &Wording<'_>) -> Result<usize> {
        windows_of(self.texts(), wording)
    }

    fn encode_wording(&self, wording: &Wording<'_>) -> Result<PromptStates> {
        if let Some(second) = &self.second_text {
            let mut read = read_windows_jointly(&[&self.text, second], wording)?;
            // Only the second encoder's vector was trained to stand for the prompt.
            let pooled = read.pooled.pop();
            return Ok(PromptStates { states: read.states, pooled, dropped_tokens: read.dropped_tokens });
        }
        Ok(PromptStates { states: self.text.read(wording)?, pooled: None, dropped_tokens: 0 })
    }

    fn encode_unwanted(&self, wording: &Wording<'_>) -> Result<PromptStates> {
        let read = self.encode_wording(wording)?;
        if !self.zeros_for_no_negative || !wording.text.is_empty() {
            return Ok(read);
        }
        Ok(PromptStates {
            states: read.states.zeros_like()?,
            pooled: read.pooled.map(|pooled| pooled.zeros_like()).transpose()?,
            dropped_tokens: 0,
        })
    }

    fn predictor<'a>(
        &'a self,
        guide: &Guide<'_>,
        (height, width): (usize, usize),
    ) -> Result<Box<dyn Predictor + 'a>> {
        if guide.surroundings.is_some() != (self.unet.config().in_channels != self.latent_channels()) {
            bail!("a network that inpaints needs what surrounds the mask, and only such a network does");
        }
        let scale = self.base.vae.config().model_scale();
        let whole = Framing::whole((height * scale, width * scale));
        let others = guide.others.iter().filter(|_| guide.negative.is_some()).map(|other| {
            let alone = Guide { prompt: &other.prompt, negative: None, ..*guide };
            Ok((SteeredUnet::new(&self.unet, &alone, whole)?, other.weight))
        });
        Ok(Box::new(GuidedUnet {
            steered: SteeredUnet::new(&self.unet, guide, whole)?,
            weight: guide.weight,
            others: others.collect::<Result<_>>()?,
            scale: guide.scale,
        }))
    }
}

/// What a guide says, as one batch: what to keep away from, if anything, before the prompt.
struct Texts {
    states: Tensor,
    pooled: Option<Tensor>,
    framing: Framing,
}

impl Texts {
    fn of(guide: &Guide<'_>, whole: Framing) -> Result<Self> {
        let prompts = || guide.negative.into_iter().chain([guide.prompt]);
        let states: Vec<_> = prompts().map(|prompt| &prompt.states).collect();
        let pooled: Option<Vec<_>> = prompts().map(|prompt| prompt.pooled.as_ref()).collect();
        Ok(Self {
            states: Tensor::cat(&states, 0)?,
            pooled: pooled.map(|pooled| Tensor::cat(&pooled, 0)).transpose()?,
            framing: guide.framing.unwrap_or(whole),
        })
    }

    fn addition(&self) -> Option<Addition<'_>> {
        self.pooled.as_ref().map(|pooled| Addition { pooled, framing: self.framing })
    }
}

/// The noise predictor with classifier-free guidance. Several prompts add up (Liu et al., arXiv 2206.01714): what each
/// changes of the prediction for the negative prompt, as often as its weight says.
struct GuidedUnet<'a> {
    /// Follows the first prompt and, where there is guidance, the negative one.
    steered: SteeredUnet<'a>,
    weight: f64,
    /// Each follows one more prompt.
    others: Vec<(SteeredUnet<'a>, f64)>,
    scale: f64,
}

/// The noise predictor with the texts and pictures that steer it.
struct SteeredUnet<'a> {
    unet: &'a Unet,
    context: PromptContext,
    /// True if it follows a negative prompt besides.
    with_negative: bool,
    controls: Vec<Control>,
    /// The mask and the latents around it that a network which inpaints sees.
    surroundings: Option<Tensor>,
}

/// A control with all that stays the same through a run.
struct Control {
    steering: Steering,
    context: PromptContext,
    hint: Tensor,
}

impl Control {
    fn new(steering: &Steering, texts: &Texts) -> Result<Self> {
        Ok(Self {
            context: steering.net.context(&texts.states, texts.addition())?,
            hint: steering.net.embed(&steering.picture)?,
            steering: steering.clone(),
        })
    }

    fn residuals(&self, input: &Tensor, timestep: f64) -> Result<Residuals> {
        self.steering.net.forward(input, timestep, &self.context, &self.hint, self.steering.weight)
    }
}

impl<'a> SteeredUnet<'a> {
    fn new(unet: &'a Unet, guide: &Guide<'_>, whole: Framing) -> Result<Self> {
        let texts = Texts::of(guide, whole)?;
        let controls = guide.controls.iter().map(|steering| Control::new(steering, &texts));
        Ok(Self {
            unet,
            context: unet.context(&texts.states, texts.addition())?,
            with_negative: guide.negative.is_some(),
            controls: controls.collect::<Result<_>>()?,
            surroundings: guide.surroundings.cloned(),
        })
    }

    /// With a negative prompt, both halves run as one batch.
    fn batched(&self, input: &Tensor) -> Result<Tensor> {
        if self.with_negative { Tensor::cat(&[input, input], 0) } else { Ok(input.clone()) }
    }

    /// What the controls add in a call, if any takes part in it.
    fn residuals(&self, course: Course, input: &Tensor, timestep: f64) -> Result<Option<Residuals>> {
        let mut sum: Option<Residuals> = None;
        for control in self.controls.iter().filter(|control| control.steering.acts_in(course)) {
            let residuals = control.residuals(input, timestep)?;
            sum = Some(match sum {
                None => residuals,
                Some(sum) => sum.and(&residuals)?,
            });
        }
        Ok(sum)
    }

    /// What is predicted for the negative prompt, if there is one, and for the prompt, one after the other.
    fn outputs(&self, course: Course, input: &Tensor, timestep: f64) -> Result<Tensor> {
        let mut input = self.batched(input)?;
        let residuals = self.residuals(course, &input, timestep)?;
        if let Some(surroundings) = &self.surroundings {
            input = Tensor::cat(&[&input, &self.batched(surroundings)?], 1)?;
        }
        self.unet.forward_controlled(&input, timestep, &self.context, residuals.as_ref())
    }
}

impl Predictor for GuidedUnet<'_> {
    fn predict(&self, input: &Tensor, timestep: f64) -> Result<Tensor> {
        self.predict_in(Course { call: 0, calls: 1, step: 0 }, input, timestep)
    }

    fn predict_in(&self, course: Course, input: &Tensor, timestep: f64) -> Result<Tensor> {
        let outputs = self.steered.outputs(course, input, timestep)?;
        if !self.steered.with_negative {
            return Ok(outputs);
        }
        let (negative, prompt) = (outputs.narrow(0, 0, 1)?, outputs.narrow(0, 1, 1)?);
        let mut sum = guided(&prompt, &negative, self.scale * self.weight)?;
        for (other, weight) in &self.others {
            let output = other.outputs(course, input, timestep)?;
            sum = (sum + ((output - &negative)? * (self.scale * weight))?)?;
        }
        Ok(sum)
    }
}
