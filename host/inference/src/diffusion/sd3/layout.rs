//! A Stable Diffusion 3 model on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;

use super::{Sd3, Sd3Config, original};
use crate::diffusion::architecture::Architecture;
use crate::diffusion::clip::ClipPart;
use crate::diffusion::components::{Borrowed, Components, DIFFUSERS_WEIGHTS, TRANSFORMERS_WEIGHTS};
use crate::diffusion::footprint::{Coding, Operations, transformer_bytes};
use crate::diffusion::held::Held;
use crate::diffusion::painter::{Guidance, MAX_EDGE, PainterLayout, PaintingTraits};
use crate::diffusion::patches::PATCH;
use crate::diffusion::pipeline::Pipeline;
use crate::diffusion::samplers::{FlowScheduler, Prediction};
use crate::diffusion::usual::{Names, Usual};
use crate::diffusion::vae::VaeConfig;
use crate::text::TokenizerSource;
use crate::text::t5::{T5Config, gguf_keys};
use crate::weights::{ConfigFile, Holding, Loaded, WeightFiles};

/// Components that are read.
const PARTS: [&str; 9] = [
    "transformer",
    "vae",
    "text_encoder",
    "text_encoder_2",
    "text_encoder_3",
    "scheduler",
    "tokenizer",
    "tokenizer_2",
    "tokenizer_3",
];
/// Tokens of T5's window.
const TEXT_TOKENS: usize = 256;
/// Hidden states, in their width, that the widest block holds: in, joined, inner and out.
const HELD_WIDTHS: usize = 20;

/// Configurations and open weight files of a model.
pub struct Sd3Layout {
    /// Dimensions of the transformer.
    pub transformer: Sd3Config,
    /// Dimensions of the autoencoder.
    pub vae: VaeConfig,
    /// The two CLIP encoders.
    pub clips: [ClipPart; 2],
    /// Dimensions of T5; models do without it if need be.
    pub t5: Option<T5Config>,
    /// How noise levels are laid out.
    pub scheduler: FlowScheduler,
    /// Tokens that T5's prompts are cut and padded to.
    pub text_tokens: usize,
    /// True if the model was distilled to need no guidance.
    pub distilled: bool,
    /// How the transformer and the encoder of most of the text hold their matrices.
    pub holding: Holding,
    pub(super) components: Components,
    pub(super) transformer_weights: Arc<WeightFiles>,
    pub(super) vae_weights: Arc<WeightFiles>,
    pub(super) t5_weights: Option<Arc<WeightFiles>>,
    pub(super) t5_tokenizer: Option<TokenizerSource>,
}

impl Sd3Layout {
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
            ("transformer", "SD3Transformer2DModel"),
            ("vae", "AutoencoderKL"),
            ("text_encoder", "CLIPTextModelWithProjection"),
            ("text_encoder_2", "CLIPTextModelWithProjection"),
            ("text_encoder_3", "T5EncoderModel"),
        ])?;
        let transformer_file = components.config("transformer")?;
        let transformer = Sd3Config::read(&transformer_file)?;
        let has_t5 = components.has("text_encoder_3");
        let t5 = has_t5.then(|| T5Config::read(&components.config("text_encoder_3")?)).transpose()?;
        let t5_weights = t5.as_ref().map(|t5| {
            components.saved_or_published("text_encoder_3", TRANSFORMERS_WEIGHTS, |_| gguf_keys(t5.layers))
        });
        let t5_tokenizer =
            has_t5.then(|| components.tokenizer("tokenizer_3", &["tokenizer.json"])).transpose()?;
        let layout = Self {
            transformer_weights: components
                .saved_or_published("transformer", DIFFUSERS_WEIGHTS, |_| original::keys(&transformer))?,
            transformer,
            vae: VaeConfig::read(&components.config("vae")?)?,
            clips: [
                ClipPart::read(&components, "text_encoder", "tokenizer")?,
                ClipPart::read(&components, "text_encoder_2", "tokenizer_2")?,
            ],
            t5,
            scheduler: FlowScheduler::read(&components.config("scheduler")?)?,
            text_tokens: TEXT_TOKENS,
            distilled: is_distilled(&components)?,
            vae_weights: components.weights("vae", DIFFUSERS_WEIGHTS)?,
            t5_weights: t5_weights.transpose()?,
            t5_tokenizer,
            holding: Holding::default(),
            components,
        };
        layout.check_fit(&transformer_file)?;
        Ok(layout)
    }

    fn check_fit(&self, file: &ConfigFile) -> Loaded<()> {
        let transformer = &self.transformer;
        let [first, second] = &self.clips;
        let pooled: usize = [first, second].iter().map(|clip| clip.config.pooled_width()).sum();
        let t5 = self.t5.as_ref().map_or(transformer.text_width, |t5| t5.width);
        for (key, own, other, what) in [
            ("in_channels", transformer.channels, self.vae.latent_channels, "the autoencoder"),
            ("joint_attention_dim", transformer.text_width, t5, "T5"),
            ("pooled_projection_dim", transformer.pooled_width, pooled, "CLIP"),
        ] {
            if own != other {
                return Err(file.problem(key, format!("{own}, but {what} has {other}")));
            }
        }
        let clips = first.config.width + second.config.width;
        if clips > transformer.text_width {
            let problem = format!("{}, but the states of CLIP have {clips}", transformer.text_width);
            return Err(file.problem("joint_attention_dim", problem));
        }
        Ok(())
    }

    fn weights(&self) -> Vec<&Arc<WeightFiles>> {
        let fixed = [&self.transformer_weights, &self.vae_weights];
        let clips = self.clips.iter().map(|clip| &clip.weights);
        fixed.into_iter().chain(clips).chain(&self.t5_weights).collect()
    }
}

/// True if the index says so or, as published indices are silent, the model is called a turbo.
fn is_distilled(components: &Components) -> Loaded<bool> {
    if let Some(distilled) = components.index().flag("is_distilled")? {
        return Ok(distilled);
    }
    let origin = components.index().text("_name_or_path")?.unwrap_or_default().to_lowercase();
    Ok(components.name().contains("turbo") || origin.contains("turbo"))
}

impl PainterLayout for Sd3Layout {
    fn traits(&self) -> PaintingTraits {
        let edge = self.vae.scale();
        let layers = self.clips.iter().map(|clip| clip.config.layers).min().unwrap_or(1);
        PaintingTraits {
            size_multiple: (edge * PATCH) as u32,
            max_edge: MAX_EDGE.min((self.transformer.places * PATCH * edge) as u32),
            native_size: (self.transformer.sample_size * edge) as u32,
            prediction: Prediction::Flow,
            guidance: Guidance::Classifier,
            usual: Usual::said(&self.components)
                .unwrap_or_else(|| Usual::of_sd3(&Names::of(&self.components), self.distilled)),
            text_layers: layers as u32,
            looks_at_pictures: false,
            only_inpaints: false,
        }
    }

    fn architecture(&self) -> Option<Architecture> {
        Architecture::stable_diffusion3(self.transformer.width())
    }

    fn hold(&mut self, holding: Holding) {
        self.holding = holding;
    }

    fn files(&self) -> Vec<PathBuf> {
        self.components.files(&PARTS, &self.weights())
    }

    fn held(&self) -> Held<'_> {
        let network = Held::network(&self.transformer_weights, &self.holding);
        let plain = self.holding.as_stored();
        let clips = self.clips.iter().fold(network, |held, clip| held.and_clip(clip, &plain));
        let texts = self.t5_weights.iter().fold(clips, |held, t5| held.and(t5, &self.holding));
        texts.and_resident(&self.vae_weights, &self.holding)
    }

    fn activation_bytes(&self, size: (usize, usize), _batch: usize, coding: Coding) -> u64 {
        let (width, height) = size;
        let edge = self.vae.scale() * PATCH;
        let words: usize = self.clips.iter().map(|clip| clip.config.positions).max().unwrap_or(0);
        let tokens = (width / edge) * (height / edge) + self.text_tokens + words;
        let (widths, heads) = (self.transformer.width() * HELD_WIDTHS, self.transformer.heads.count);
        let how = (coding, Operations::of(&self.holding.computing));
        transformer_bytes(&self.vae, size, (tokens, widths, heads), how)
    }

    fn load(&self, device: &Device) -> Loaded<Box<dyn Pipeline>> {
        Ok(Box::new(Sd3::load(self, device)?))
    }
}
