//! Stable Diffusion 3 and 3.5 (Esser et al., arXiv 2403.03206): two CLIP encoders and T5 steer a transformer that flows
//! from noise to picture.
//!
//! Follows `pipeline_stable_diffusion_3.py` of diffusers.

mod config;
mod layout;
mod original;
mod text;
mod transformer;

pub use config::Sd3Config;
pub use layout::Sd3Layout;
pub(super) use original::describe;
pub use transformer::{Sd3Context, Sd3Transformer};

use candle_core::{Device, Result, Tensor, bail};

use self::text::PromptReader;
use super::components::tensors;
use super::patches::{PATCH, from_patches, from_tokens, to_patches, to_tokens};
use super::pipeline::{Base, Course, Guide, LayerSkipping, Pipeline, Predictor, PromptStates, guided};
use super::samplers::{FlowScheduler, Ramp, Sampler, SamplerChoice, SamplerError};
use crate::weights::Loaded;

/// A loaded model.
pub struct Sd3 {
    prompts: PromptReader,
    transformer: Sd3Transformer,
    base: Base,
    scheduler: FlowScheduler,
}

impl Sd3 {
    /// Loads all weights onto a device.
    ///
    /// # Errors
    /// A file is broken or a tensor is missing or misshapen.
    pub fn load(layout: &Sd3Layout, device: &Device) -> Loaded<Self> {
        let base = Base::load(&layout.vae, &layout.vae_weights, &layout.components, device)?;
        let weights = tensors(&layout.transformer_weights, device)
            .with_slots(&base.slots, "transformer")
            .held(&layout.holding);
        Ok(Self {
            prompts: PromptReader::load(layout, &base.slots, device)?,
            transformer: Sd3Transformer::load(&layout.transformer, &weights)?,
            base,
            scheduler: layout.scheduler.clone(),
        })
    }

    /// The transformer.
    pub fn transformer(&self) -> &Sd3Transformer {
        &self.transformer
    }
}

impl Pipeline for Sd3 {
    fn base(&self) -> &Base {
        &self.base
    }

    fn sampler(
        &self,
        choice: SamplerChoice,
        (width, height): (usize, usize),
    ) -> std::result::Result<Box<dyn Sampler>, SamplerError> {
        let edge = self.base.vae.config().scale() * PATCH;
        let shift = self.scheduler.shift_for((width / edge) * (height / edge));
        self.scheduler.prepare(choice, Ramp::Table, shift)
    }

    fn encode_prompt(&self, prompt: &str, clip_skip: usize) -> Result<PromptStates> {
        self.prompts.read(prompt, clip_skip)
    }

    fn skippable_layers(&self) -> usize {
        self.transformer.layers()
    }

    fn predictor<'a>(
        &'a self,
        guide: &Guide<'_>,
        (height, width): (usize, usize),
    ) -> Result<Box<dyn Predictor + 'a>> {
        let size = (height / PATCH, width / PATCH);
        let context = |states: &PromptStates| match &states.pooled {
            Some(pooled) => self.transformer.context(&states.states, pooled, size),
            None => bail!("the prompt was encoded for another kind of model"),
        };
        let negative = guide.negative.map(|states| Result::Ok((context(states)?, guide.scale)));
        Ok(Box::new(SteeredSd3 {
            transformer: &self.transformer,
            prompt: context(guide.prompt)?,
            negative: negative.transpose()?,
            skipping: guide.skipping.cloned(),
            size,
        }))
    }
}

/// The transformer with the prompts that steer it, for pictures of one size in patches.
struct SteeredSd3<'a> {
    transformer: &'a Sd3Transformer,
    prompt: Sd3Context,
    /// What to keep away from, and how strongly.
    negative: Option<(Sd3Context, f64)>,
    skipping: Option<LayerSkipping>,
    size: (usize, usize),
}

impl Predictor for SteeredSd3<'_> {
    fn predict(&self, latents: &Tensor, timestep: f64) -> Result<Tensor> {
        self.predict_in(Course { call: 0, calls: 1, step: 0 }, latents, timestep)
    }

    fn predict_in(&self, course: Course, latents: &Tensor, timestep: f64) -> Result<Tensor> {
        let patches = to_tokens(&to_patches(latents)?)?;
        let without =
            |skipped: &[usize], context| self.transformer.forward(&patches, timestep, context, skipped);
        let mut output = without(&[], &self.prompt)?;
        if let Some((negative, scale)) = &self.negative {
            let seen = output;
            output = guided(&seen, &without(&[], negative)?, *scale)?;
            if let Some(skipping) = self.skipping.as_ref().filter(|skipping| skipping.acts_in(course)) {
                let less = without(&skipping.layers, &self.prompt)?;
                output = (output + ((seen - less)? * skipping.scale)?)?;
            }
        }
        from_patches(&from_tokens(&output, self.size)?)
    }
}
