//! FLUX.1 (Black Forest Labs 2024): T5 and CLIP steer a transformer that flows from noise to picture.
//!
//! Follows `pipeline_flux.py` of diffusers.

mod config;
mod layout;
mod original;
mod transformer;

pub use config::FluxConfig;
pub use layout::FluxLayout;
pub(super) use original::{describe, joint_attention};
pub use transformer::{FluxContext, FluxTransformer};

use candle_core::{Device, Error, Result, Tensor};

use super::components::tensors;
use super::patches::{PATCH, from_patches, from_tokens, to_patches, to_tokens};
use super::pipeline::{Base, Guide, Pipeline, Predictor, PromptStates};
use super::samplers::{FlowScheduler, Ramp, Sampler, SamplerChoice, SamplerError};
use crate::text::t5::{T5Encoder, T5Tokenizer};
use crate::text::{ClipTextModel, ClipTokenizer};
use crate::weights::Loaded;

/// A loaded model.
pub struct Flux {
    clip_tokenizer: ClipTokenizer,
    clip: ClipTextModel,
    t5_tokenizer: T5Tokenizer,
    t5: T5Encoder,
    text_tokens: usize,
    transformer: FluxTransformer,
    base: Base,
    scheduler: FlowScheduler,
}

impl Flux {
    /// Loads all weights onto a device.
    ///
    /// # Errors
    /// A file is broken or a tensor is missing or misshapen.
    pub fn load(layout: &FluxLayout, device: &Device) -> Loaded<Self> {
        let base = Base::load(&layout.vae, &layout.vae_weights, &layout.components, device)?;
        let slotted = |files, name| tensors(files, device).with_slots(&base.slots, name);
        let clip_weights = slotted(&layout.clip_weights, "text_encoder").held(&layout.holding.as_stored());
        let t5_weights = slotted(&layout.t5_weights, "text_encoder_2").held(&layout.holding);
        let transformer_weights = slotted(&layout.transformer_weights, "transformer").held(&layout.holding);
        Ok(Self {
            clip_tokenizer: ClipTokenizer::load(layout.clip_tokenizer.clone(), &layout.clip)?,
            clip: ClipTextModel::load(&layout.clip, &clip_weights, device)?,
            t5_tokenizer: T5Tokenizer::load(layout.t5_tokenizer.clone(), &layout.t5)?,
            t5: T5Encoder::load(&layout.t5, &t5_weights, device)?,
            text_tokens: layout.text_tokens,
            transformer: FluxTransformer::load(&layout.transformer, &transformer_weights, device)?,
            base,
            scheduler: layout.scheduler.clone(),
        })
    }

    /// The transformer.
    pub fn transformer(&self) -> &FluxTransformer {
        &self.transformer
    }
}

impl Pipeline for Flux {
    fn base(&self) -> &Base {
        &self.base
    }

    fn sampler(
        &self,
        choice: SamplerChoice,
        (width, height): (usize, usize),
    ) -> std::result::Result<Box<dyn Sampler>, SamplerError> {
        let edge = self.base.vae.config().scale() * PATCH;
        let tokens = (width / edge) * (height / edge);
        self.scheduler.prepare(choice, Ramp::Reciprocal, self.scheduler.shift_for(tokens))
    }

    fn encode_prompt(&self, prompt: &str, _clip_skip: usize) -> Result<PromptStates> {
        let window = self.t5_tokenizer.window(prompt, self.text_tokens).map_err(Error::Msg)?;
        let clip_window = self.clip_tokenizer.window(prompt).map_err(Error::Msg)?;
        Ok(PromptStates {
            states: self.t5.encode(&window.ids)?,
            pooled: Some(self.clip.encode_pooled(&clip_window.ids, 0)?.pooled),
            dropped_tokens: window.dropped,
        })
    }

    fn predictor<'a>(
        &'a self,
        guide: &Guide<'_>,
        (height, width): (usize, usize),
    ) -> Result<Box<dyn Predictor + 'a>> {
        let Some(pooled) = &guide.prompt.pooled else {
            candle_core::bail!("the prompt was encoded for another kind of model");
        };
        let size = (height / PATCH, width / PATCH);
        let context = self.transformer.context(&guide.prompt.states, pooled, guide.scale, size)?;
        Ok(Box::new(SteeredFlux { transformer: &self.transformer, context, size }))
    }
}

/// The transformer with the prompt that steers it, for pictures of one size in patches.
struct SteeredFlux<'a> {
    transformer: &'a FluxTransformer,
    context: FluxContext,
    size: (usize, usize),
}

impl Predictor for SteeredFlux<'_> {
    fn predict(&self, latents: &Tensor, timestep: f64) -> Result<Tensor> {
        let patches = to_tokens(&to_patches(latents)?)?;
        let output = self.transformer.forward(&patches, timestep, &self.context)?;
        from_patches(&from_tokens(&output, self.size)?)
    }
}
