//! A FLUX.1 model on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;

use super::{Flux, FluxConfig, original};
use crate::diffusion::architecture::Architecture;
use crate::diffusion::components::{Borrowed, Components, DIFFUSERS_WEIGHTS, TRANSFORMERS_WEIGHTS};
use crate::diffusion::footprint::{Coding, Operations, transformer_bytes};
use crate::diffusion::held::Held;
use crate::diffusion::painter::{Guidance, MAX_EDGE, PainterLayout, PaintingTraits};
use crate::diffusion::patches::PATCH;
use crate::diffusion::pipeline::Pipeline;
use crate::diffusion::samplers::{FlowScheduler, Prediction};
use crate::diffusion::usual::{Names, Usual};
use crate::diffusion::vae::VaeConfig;
use crate::text::t5::{T5Config, gguf_keys};
use crate::text::{ClipConfig, TokenizerSource};
use crate::weights::{Holding, Loaded, WeightFiles};

/// Components that are read.
const PARTS: [&str; 7] =
    ["transformer", "vae", "text_encoder", "text_encoder_2", "scheduler", "tokenizer", "tokenizer_2"];
/// Edge of the pictures that the published models were trained on.
const NATIVE_SIZE: u32 = 1024;
/// Tokens of T5's window: of models with guidance as an input, and of the one that was distilled to four steps.
const TEXT_TOKENS: (usize, usize) = (512, 256);
/// Hidden states, in their width, that the widest block holds: in, joined, inner and out.
const HELD_WIDTHS: usize = 18;

/// Configurations and open weight files of a model.
pub struct FluxLayout {
    /// Dimensions of the transformer.
    pub transformer: FluxConfig,
    /// Dimensions of the autoencoder.
    pub vae: VaeConfig,
    /// Dimensions of the encoder whose vector stands for the prompt.
    pub clip: ClipConfig,
    /// Dimensions of the encoder whose states the transformer reads.
    pub t5: T5Config,
    /// How noise levels are laid out.
    pub scheduler: FlowScheduler,
    /// Tokens that prompts are cut and padded to.
    pub text_tokens: usize,
    /// How the transformer and the encoder of most of the text hold their matrices.
    pub holding: Holding,
    pub(super) components: Components,
    pub(super) transformer_weights: Arc<WeightFiles>,
    pub(super) vae_weights: Arc<WeightFiles>,
    pub(super) clip_weights: Arc<WeightFiles>,
    pub(super) t5_weights: Arc<WeightFiles>,
    pub(super) clip_tokenizer: TokenizerSource,
    pub(super) t5_tokenizer: TokenizerSource,
}

impl FluxLayout {
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
            ("transformer", "FluxTransformer2DModel"),
            ("vae", "AutoencoderKL"),
            ("text_encoder", "CLIPTextModel"),
            ("text_encoder_2", "T5EncoderModel"),
        ])?;
        let transformer_file = components.config("transformer")?;
        let transformer = FluxConfig::read(&transformer_file)?;
        let vae = VaeConfig::read(&components.config("vae")?)?;
        let clip = ClipConfig::read(&components.config("text_encoder")?)?;
        let t5 = T5Config::read(&components.config("text_encoder_2")?)?;
        for (key, own, other, what) in [
            ("in_channels", transformer.channels, vae.latent_channels * PATCH * PATCH, "a patch of latents"),
            ("joint_attention_dim", transformer.text_width, t5.width, "T5"),
            ("pooled_projection_dim", transformer.pooled_width, clip.pooled_width(), "CLIP"),
        ] {
            if own != other {
                return Err(transformer_file.problem(key, format!("{own}, but {what} has {other}")));
            }
        }
        Ok(Self {
            clip_tokenizer: components.tokenizer("tokenizer", &["tokenizer.json", "vocab.json"])?,
            t5_tokenizer: components.tokenizer("tokenizer_2", &["tokenizer.json"])?,
            text_tokens: if transformer.guidance { TEXT_TOKENS.0 } else { TEXT_TOKENS.1 },
            t5_weights: components
                .saved_or_published("text_encoder_2", TRANSFORMERS_WEIGHTS, |_| gguf_keys(t5.layers))?,
            transformer_weights: components
                .saved_or_published("transformer", DIFFUSERS_WEIGHTS, |_| original::keys(&transformer))?,
            transformer,
            vae,
            clip,
            t5,
            scheduler: FlowScheduler::read(&components.config("scheduler")?)?,
            vae_weights: components.weights("vae", DIFFUSERS_WEIGHTS)?,
            clip_weights: components.weights("text_encoder", TRANSFORMERS_WEIGHTS)?,
            holding: Holding::default(),
            components,
        })
    }

    fn weights(&self) -> [&Arc<WeightFiles>; 4] {
        [&self.transformer_weights, &self.vae_weights, &self.clip_weights, &self.t5_weights]
    }
}

impl PainterLayout for FluxLayout {
    fn traits(&self) -> PaintingTraits {
        PaintingTraits {
            size_multiple: (self.vae.scale() * PATCH) as u32,
            max_edge: MAX_EDGE,
            native_size: NATIVE_SIZE,
            prediction: Prediction::Flow,
            guidance: if self.transformer.guidance { Guidance::Embedded } else { Guidance::None },
            usual: Usual::said(&self.components)
                .unwrap_or_else(|| Usual::of_flux(&Names::of(&self.components), self.transformer.guidance)),
            text_layers: 1,
            looks_at_pictures: false,
            only_inpaints: false,
        }
    }

    fn architecture(&self) -> Option<Architecture> {
        Some(Architecture::Flux1)
    }

    fn hold(&mut self, holding: Holding) {
        self.holding = holding;
    }

    fn files(&self) -> Vec<PathBuf> {
        self.components.files(&PARTS, &self.weights())
    }

    fn held(&self) -> Held<'_> {
        Held::network(&self.transformer_weights, &self.holding)
            .and(&self.clip_weights, &self.holding.as_stored())
            .and(&self.t5_weights, &self.holding)
            .and_resident(&self.vae_weights, &self.holding)
    }

    fn activation_bytes(&self, size: (usize, usize), _batch: usize, coding: Coding) -> u64 {
        let (width, height) = size;
        let edge = self.vae.scale() * PATCH;
        let tokens = (width / edge) * (height / edge) + self.text_tokens;
        let (widths, heads) = (self.transformer.width() * HELD_WIDTHS, self.transformer.heads.count);
        let how = (coding, Operations::of(&self.holding.computing));
        transformer_bytes(&self.vae, size, (tokens, widths, heads), how)
    }

    fn load(&self, device: &Device) -> Loaded<Box<dyn Pipeline>> {
        Ok(Box::new(Flux::load(self, device)?))
    }
}
