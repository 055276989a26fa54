//! A FLUX.2 Klein model on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;

use super::text::DEPTHS;
use super::{Flux2, Flux2Config, original};
use crate::diffusion::architecture::Architecture;
use crate::diffusion::components::{Borrowed, Components, DIFFUSERS_WEIGHTS, TRANSFORMERS_WEIGHTS};
use crate::diffusion::footprint::{Coding, Operations, transformer_bytes};
use crate::diffusion::held::Held;
use crate::diffusion::painter::{Guidance, MAX_EDGE, PainterLayout, PaintingTraits};
use crate::diffusion::pipeline::Pipeline;
use crate::diffusion::samplers::{FlowScheduler, Prediction};
use crate::diffusion::usual::Usual;
use crate::diffusion::vae::VaeConfig;
use crate::language::decoder::{DecoderConfig, Family};
use crate::text::TokenizerSource;
use crate::weights::{Holding, KeyMap, Loaded, WeightFiles};

/// Components that are read.
const PARTS: [&str; 5] = ["transformer", "vae", "text_encoder", "scheduler", "tokenizer"];
/// Edge of the pictures that the published models were trained on.
const NATIVE_SIZE: u32 = 1024;
/// Tokens of the text window.
const TEXT_TOKENS: usize = 512;
/// Hidden states, in their width, that the widest block holds: in, joined, inner and out.
const HELD_WIDTHS: usize = 24;

/// Configurations and open weight files of a model.
pub struct Flux2Layout {
    /// Dimensions of the transformer.
    pub transformer: Flux2Config,
    /// Dimensions of the autoencoder.
    pub vae: VaeConfig,
    /// Dimensions of the decoder that reads prompts.
    pub text: DecoderConfig,
    /// How noise levels are laid out.
    pub scheduler: FlowScheduler,
    /// Tokens that prompts are cut and padded to.
    pub text_tokens: usize,
    /// True if the model was distilled to need no guidance.
    pub distilled: bool,
    /// How the transformer and the encoder of most of the text hold their matrices.
    pub holding: Holding,
    pub(super) components: Components,
    pub(super) transformer_weights: Arc<WeightFiles>,
    pub(super) vae_weights: Arc<WeightFiles>,
    pub(super) text_weights: Arc<WeightFiles>,
    pub(super) tokenizer: TokenizerSource,
}

impl Flux2Layout {
    /// Reads a model's folder or file.
    ///
    /// # Errors
    /// A file is missing or broken, or parts do not fit each other.
    pub fn read(path: &Path) -> Loaded<Self> {
        Self::assemble(Components::open(path, &Borrowed::new())?)
    }

    /// Reads the components of a model.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(in crate::diffusion) fn assemble(components: Components) -> Loaded<Self> {
        components.must_be(&[
            ("transformer", "Flux2Transformer2DModel"),
            ("vae", "AutoencoderKLFlux2"),
            ("text_encoder", "Qwen3ForCausalLM"),
        ])?;
        let transformer_file = components.config("transformer")?;
        let transformer = Flux2Config::read(&transformer_file)?;
        let vae = VaeConfig::read(&components.config("vae")?)?;
        let text_file = components.config("text_encoder")?;
        text_file.must_be("model_type", "qwen3")?;
        let text = DecoderConfig::read(&text_file, Family::Qwen3)?;
        for (key, own, other, what) in [
            ("in_channels", transformer.channels, vae.model_channels(), "a patch of latents"),
            ("joint_attention_dim", transformer.text_width, text.width * DEPTHS.len(), "the text's states"),
        ] {
            if own != other {
                return Err(transformer_file.problem(key, format!("{own}, but {what} has {other}")));
            }
        }
        // The state after the last layer would be a normalised one.
        if DEPTHS.iter().any(|depth| *depth >= text.layers) {
            let problem = format!("{} are too few, states are read after {DEPTHS:?}", text.layers);
            return Err(text_file.problem("num_hidden_layers", problem));
        }
        Ok(Self {
            tokenizer: components.tokenizer("tokenizer", &["tokenizer.json"])?,
            transformer_weights: components.saved_or_published(
                "transformer",
                DIFFUSERS_WEIGHTS,
                |files| original::keys(&transformer, files),
            )?,
            transformer,
            vae,
            text,
            scheduler: FlowScheduler::read(&components.config("scheduler")?)?,
            text_tokens: TEXT_TOKENS,
            distilled: components.index().flag_or("is_distilled", true)?,
            vae_weights: components.weights("vae", DIFFUSERS_WEIGHTS)?,
            text_weights: components
                .saved_or_published("text_encoder", TRANSFORMERS_WEIGHTS, |_| KeyMap::default())?,
            holding: Holding::default(),
            components,
        })
    }

    fn weights(&self) -> [&Arc<WeightFiles>; 3] {
        [&self.transformer_weights, &self.vae_weights, &self.text_weights]
    }
}

/// True for the tensors of the decoder that are loaded: the embeddings and the layers up to the deepest that is read.
fn is_read(name: &str) -> bool {
    let layer = ["model.layers.", "blk."].into_iter().find_map(|prefix| name.strip_prefix(prefix));
    match layer.and_then(|rest| rest.split('.').next()?.parse::<usize>().ok()) {
        Some(layer) => DEPTHS.iter().any(|depth| layer < *depth),
        None => name.contains("embd") || name.contains("embed"),
    }
}

impl PainterLayout for Flux2Layout {
    fn traits(&self) -> PaintingTraits {
        PaintingTraits {
            size_multiple: self.vae.model_scale() as u32,
            max_edge: MAX_EDGE,
            native_size: NATIVE_SIZE,
            prediction: Prediction::Flow,
            guidance: Guidance::Classifier,
            usual: Usual::said(&self.components).unwrap_or_else(|| Usual::of_flux2(self.distilled)),
            text_layers: 1,
            looks_at_pictures: true,
            only_inpaints: false,
        }
    }

    fn architecture(&self) -> Option<Architecture> {
        Architecture::flux2(self.transformer.width())
    }

    fn hold(&mut self, holding: Holding) {
        self.holding = holding;
    }

    fn files(&self) -> Vec<PathBuf> {
        self.components.files(&PARTS, &self.weights())
    }

    fn held(&self) -> Held<'_> {
        Held::network(&self.transformer_weights, &self.holding)
            .and_some(&self.text_weights, &self.holding, is_read)
            .and_resident(&self.vae_weights, &self.holding)
    }

    fn activation_bytes(&self, size: (usize, usize), _batch: usize, coding: Coding) -> u64 {
        let (width, height) = size;
        let edge = self.vae.model_scale();
        let tokens = (width / edge) * (height / edge) + self.text_tokens;
        let (widths, heads) = (self.transformer.width() * HELD_WIDTHS, self.transformer.heads.count);
        let how = (coding, Operations::of(&self.holding.computing));
        transformer_bytes(&self.vae, size, (tokens, widths, heads), how)
    }

    fn load(&self, device: &Device) -> Loaded<Box<dyn Pipeline>> {
        Ok(Box::new(Flux2::load(self, device)?))
    }
}
