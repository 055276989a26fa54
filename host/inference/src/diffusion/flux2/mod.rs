//! FLUX.2 Klein (Black Forest Labs 2026): Qwen3 steers a transformer that flows from noise to picture and may look at
//! other pictures.
//!
//! Follows `pipeline_flux2_klein.py` of diffusers.

mod config;
mod layout;
mod original;
mod text;
mod transformer;

pub use config::Flux2Config;
pub use layout::Flux2Layout;
pub(super) use original::describe;
pub(super) use text::STATES;
pub use transformer::{Flux2Context, Flux2Transformer};

use candle_core::{Device, Result, Tensor};

use self::text::PromptReader;
use super::components::tensors;
use super::footprint::Extent;
use super::noise::NoiseSource;
use super::patches::{from_tokens, to_tokens};
use super::pipeline::{Base, Guide, Pipeline, Predictor, PromptStates, guided};
use super::samplers::{FlowScheduler, Ramp, Sampler, SamplerChoice, SamplerError};
use crate::weights::Loaded;

/// Tokens beyond which the shift does not depend on the number of steps.
const MANY_TOKENS: usize = 4300;

/// A loaded model.
pub struct Flux2 {
    prompts: PromptReader,
    transformer: Flux2Transformer,
    base: Base,
    scheduler: FlowScheduler,
}

impl Flux2 {
    /// Loads all weights onto a device.
    ///
    /// # Errors
    /// A file is broken or a tensor is missing or misshapen.
    pub fn load(layout: &Flux2Layout, device: &Device) -> Loaded<Self> {
        let base = Base::load(&layout.vae, &layout.vae_weights, &layout.components, device)?;
        let prompts = PromptReader::load(
            &layout.tokenizer,
            &layout.text,
            &tensors(&layout.text_weights, device)
                .with_slots(&base.slots, "text_encoder")
                .held(&layout.holding),
            layout.text_tokens,
        )?;
        let weights = tensors(&layout.transformer_weights, device)
            .with_slots(&base.slots, "transformer")
            .held(&layout.holding);
        let transformer = Flux2Transformer::load(&layout.transformer, &weights, device)?;
        Ok(Self { prompts, transformer, base, scheduler: layout.scheduler.clone() })
    }

    /// The transformer.
    pub fn transformer(&self) -> &Flux2Transformer {
        &self.transformer
    }
}

impl Pipeline for Flux2 {
    fn base(&self) -> &Base {
        &self.base
    }

    fn sampler(
        &self,
        choice: SamplerChoice,
        (width, height): (usize, usize),
    ) -> std::result::Result<Box<dyn Sampler>, SamplerError> {
        let edge = self.base.vae.config().model_scale();
        let shift = empirical_shift((width / edge) * (height / edge), choice.steps);
        self.scheduler.prepare(choice, Ramp::Reciprocal, shift)
    }

    fn encode_prompt(&self, prompt: &str, _clip_skip: usize) -> Result<PromptStates> {
        self.prompts.read(prompt)
    }

    fn predictor<'a>(
        &'a self,
        guide: &Guide<'_>,
        (height, width): (usize, usize),
    ) -> Result<Box<dyn Predictor + 'a>> {
        let mut pictures = vec![(height, width)];
        let mut references = Vec::new();
        for reference in guide.references {
            let (_, _, height, width) = reference.dims4()?;
            pictures.push((height, width));
            references.push(to_tokens(reference)?);
        }
        let context = |states: &PromptStates| self.transformer.context(&states.states, &pictures);
        let negative = guide.negative.map(|states| Result::Ok((context(states)?, guide.scale)));
        Ok(Box::new(SteeredFlux2 {
            transformer: &self.transformer,
            prompt: context(guide.prompt)?,
            negative: negative.transpose()?,
            references,
            size: (height, width),
        }))
    }

    /// The mean of the encoder's distribution: this model draws nothing for it.
    fn picture_latents(
        &self,
        picture: &Tensor,
        encoding: Extent,
        _noise: &mut dyn NoiseSource,
    ) -> Result<Tensor> {
        self.base.vae.normalize(&self.base.vae.encode_by(picture, encoding)?.mean)
    }
}

/// The logarithm of the shift for a number of image tokens and steps, fitted by the model's makers
/// (`compute_empirical_mu` of diffusers).
fn empirical_shift(tokens: usize, steps: usize) -> f64 {
    let tokens_f64 = tokens as f64;
    let at_200_steps = 0.000_169_27 * tokens_f64 + 0.456_666_66;
    if tokens > MANY_TOKENS {
        return at_200_steps;
    }
    let at_10_steps = 8.738_095_24e-5 * tokens_f64 + 1.898_333_33;
    at_200_steps + (steps as f64 - 200.0) * (at_200_steps - at_10_steps) / 190.0
}

/// The transformer with the prompts that steer it, for latents of one size.
struct SteeredFlux2<'a> {
    transformer: &'a Flux2Transformer,
    prompt: Flux2Context,
    /// What to keep away from, and how strongly.
    negative: Option<(Flux2Context, f64)>,
    /// Tokens of pictures that are looked at.
    references: Vec<Tensor>,
    size: (usize, usize),
}

impl Predictor for SteeredFlux2<'_> {
    fn predict(&self, latents: &Tensor, timestep: f64) -> Result<Tensor> {
        let tokens = to_tokens(latents)?;
        let made = tokens.dim(1)?;
        let all: Vec<&Tensor> = std::iter::once(&tokens).chain(&self.references).collect();
        let all = Tensor::cat(&all, 1)?;
        let under = |context| self.transformer.forward(&all, made, timestep, context);
        let mut output = under(&self.prompt)?;
        if let Some((negative, scale)) = &self.negative {
            output = guided(&output, &under(negative)?, *scale)?;
        }
        from_tokens(&output, self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::empirical_shift;

    #[test]
    fn the_shift_grows_with_the_picture_and_falls_with_the_steps() {
        assert!((empirical_shift(4096, 4) - 2.291_180).abs() < 1e-6);
        assert!((empirical_shift(1024, 4) - 2.030_690).abs() < 1e-6);
        assert_eq!(empirical_shift(5000, 4), empirical_shift(5000, 50));
    }
}
