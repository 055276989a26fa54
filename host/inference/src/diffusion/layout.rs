//! A Stable Diffusion model on disk, read from configurations and weight
//! headers alone, and checked for parts that do not fit each other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;

use super::architecture::Architecture;
use super::clip::ClipPart;
use super::components::{Borrowed, Components, DIFFUSERS_WEIGHTS};
use super::footprint::{Coding, Operations, activation_bytes};
use super::held::Held;
use super::painter::{Guidance, MAX_EDGE, PainterLayout, PaintingTraits};
use super::pipeline::Pipeline;
use super::samplers::SchedulerConfig;
use super::stable_diffusion::StableDiffusion;
use super::unet::{BlockKind, Level, UnetConfig};
use super::usual::{Names, Usual};
use super::vae::VaeConfig;
use crate::weights::{ConfigFile, Holding, Loaded, WeightFiles};

/// Components that are read.
const PARTS: [&str; 5] = ["unet", "vae", "text_encoder", "scheduler", "tokenizer"];
/// Those of models with two text encoders besides.
const SECOND_PARTS: [&str; 2] = ["text_encoder_2", "tokenizer_2"];

/// Configurations and open weight files of a model.
pub struct ModelLayout {
    /// Dimensions of the noise predictor.
    pub unet: UnetConfig,
    /// Dimensions of the autoencoder.
    pub vae: VaeConfig,
    /// The text encoder.
    pub text: ClipPart,
    /// The second one, in Stable Diffusion XL.
    pub second_text: Option<ClipPart>,
    /// True if nothing to keep away from means states of zeros rather than those of a prompt without words.
    pub zeros_for_no_negative: bool,
    /// Noise table and sampling preferences.
    pub scheduler: SchedulerConfig,
    /// How the network and its text encoders hold their weights.
    pub holding: Holding,
    /// Steps and guidance where nobody says otherwise.
    pub usual: Usual,
    pub(super) unet_weights: Arc<WeightFiles>,
    pub(super) vae_weights: Arc<WeightFiles>,
    pub(super) components: Components,
}

impl ModelLayout {
    /// Reads a model's folder or file.
    ///
    /// # Errors
    /// The pipeline is of another kind, a file is missing or broken, or parts do not fit each other.
    pub fn read(path: &Path) -> Loaded<Self> {
        Self::assemble(Components::open(path, &Borrowed::new())?)
    }

    /// Reads the components of a model.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(in crate::diffusion) fn assemble(components: Components) -> Loaded<Self> {
        let two_texts = check_index(&components)?;
        let unet_file = components.config("unet")?;
        let vae_file = components.config("vae")?;
        vae_file.must_be("_class_name", "AutoencoderKL")?;
        vae_file.must_be("shift_factor", 0)?;
        let scheduler = SchedulerConfig::read(&components.config("scheduler")?)?;
        let indexed = components.index().flag_or("is_distilled", false)?;
        let layout = Self {
            unet: UnetConfig::read(&unet_file)?,
            vae: VaeConfig::read(&vae_file)?,
            text: ClipPart::read(&components, "text_encoder", "tokenizer")?,
            second_text: two_texts
                .then(|| ClipPart::read(&components, "text_encoder_2", "tokenizer_2"))
                .transpose()?,
            zeros_for_no_negative: two_texts
                && components.index().flag_or("force_zeros_for_empty_prompt", true)?,
            usual: Usual::said(&components).unwrap_or_else(|| {
                Usual::of_unet(&Names::of(&components), indexed, scheduler.sampler, two_texts)
            }),
            scheduler,
            unet_weights: components.weights("unet", DIFFUSERS_WEIGHTS)?,
            vae_weights: components.weights("vae", DIFFUSERS_WEIGHTS)?,
            holding: Holding::default(),
            components,
        };
        layout.check_latents(&unet_file)?;
        layout.check_texts(&unet_file)?;
        Ok(layout)
    }

    fn check_latents(&self, unet_file: &ConfigFile) -> Loaded<()> {
        let latent = self.vae.latent_channels;
        // Networks that inpaint see a mask and the latents around it besides.
        let inpainting = 2 * latent + 1;
        for (key, channels, fits) in [
            ("in_channels", self.unet.in_channels, [latent, inpainting]),
            ("out_channels", self.unet.out_channels, [latent, latent]),
        ] {
            if !fits.contains(&channels) {
                let problem = format!("{channels}, but the autoencoder has {latent} latent channels");
                return Err(unet_file.problem(key, problem));
            }
        }
        Ok(())
    }

    fn check_texts(&self, unet_file: &ConfigFile) -> Loaded<()> {
        let width: usize = self.texts().map(|text| text.config.width).sum();
        let crossed =
            |level: &&Level| level.down == BlockKind::CrossAttention || level.up == BlockKind::CrossAttention;
        if let Some(level) = self.unet.levels.iter().filter(crossed).find(|l| l.text_width != width) {
            let problem = format!("{}, but the text states are {width} wide", level.text_width);
            return Err(unet_file.problem("cross_attention_dim", problem));
        }
        let wanted = self.unet.addition.map(|addition| addition.pooled_width);
        let given = self.second_text.as_ref().map(|text| text.config.pooled_width());
        if wanted != given {
            let words = |width: Option<usize>| width.map_or("none".to_owned(), |w| format!("{w} values"));
            let problem = format!(
                "the network takes {} for a whole prompt, but the text encoders give {}",
                words(wanted),
                words(given)
            );
            return Err(unet_file.problem("addition_embed_type", problem));
        }
        Ok(())
    }

    fn texts(&self) -> impl Iterator<Item = &ClipPart> {
        std::iter::once(&self.text).chain(&self.second_text)
    }

    fn weights(&self) -> Vec<&Arc<WeightFiles>> {
        let fixed = [&self.unet_weights, &self.vae_weights];
        fixed.into_iter().chain(self.texts().map(|text| &text.weights)).collect()
    }

    /// The factor that picture widths and heights must be multiples of.
    pub fn size_multiple(&self) -> usize {
        self.vae.scale() * self.unet.size_multiple()
    }

    /// Height and width of pictures that the model was trained on.
    pub fn native_size(&self) -> (usize, usize) {
        let (height, width) = self.unet.sample_size;
        (height * self.vae.scale(), width * self.vae.scale())
    }
}

impl PainterLayout for ModelLayout {
    fn traits(&self) -> PaintingTraits {
        let (height, width) = self.native_size();
        PaintingTraits {
            size_multiple: self.size_multiple() as u32,
            max_edge: MAX_EDGE,
            native_size: height.max(width) as u32,
            prediction: self.scheduler.prediction,
            guidance: Guidance::Classifier,
            usual: self.usual,
            text_layers: self.texts().map(|text| text.config.layers).min().unwrap_or(1) as u32,
            only_inpaints: self.unet.in_channels != self.vae.latent_channels,
            looks_at_pictures: false,
        }
    }

    fn architecture(&self) -> Option<Architecture> {
        self.unet.architecture()
    }

    fn files(&self) -> Vec<PathBuf> {
        let second = self.second_text.iter().flat_map(|_| SECOND_PARTS);
        let parts: Vec<_> = PARTS.into_iter().chain(second).collect();
        self.components.files(&parts, &self.weights())
    }

    fn hold(&mut self, holding: Holding) {
        // A UNet is not quantised when it is loaded.
        self.holding = holding.as_stored();
    }

    fn held(&self) -> Held<'_> {
        let network = Held::network(&self.unet_weights, &self.holding);
        let texts = self.texts().fold(network, |held, text| held.and_clip(text, &self.holding));
        texts.and_resident(&self.vae_weights, &self.holding)
    }

    fn activation_bytes(&self, size: (usize, usize), batch: usize, coding: Coding) -> u64 {
        let how = (coding, Operations::of(&self.holding.computing));
        activation_bytes(&self.unet, &self.vae, size, batch, how)
    }

    fn load(&self, device: &Device) -> Loaded<Box<dyn Pipeline>> {
        Ok(Box::new(StableDiffusion::load(self, device)?))
    }
}

/// Refuses pipelines of other kinds and parts of other classes. True if the pipeline has two text encoders.
fn check_index(components: &Components) -> Loaded<bool> {
    let index = components.index();
    let two_texts = match index.required_text("_class_name")? {
        "StableDiffusionPipeline" | "StableDiffusionImg2ImgPipeline" | "StableDiffusionInpaintPipeline" => {
            false
        }
        "StableDiffusionXLPipeline"
        | "StableDiffusionXLImg2ImgPipeline"
        | "StableDiffusionXLInpaintPipeline" => true,
        other => return Err(index.problem("_class_name", format!("`{other}` is not supported"))),
    };
    index.must_be_off(&["requires_aesthetics_score"])?;
    components.must_be(&[
        ("unet", "UNet2DConditionModel"),
        ("vae", "AutoencoderKL"),
        ("text_encoder", "CLIPTextModel"),
        ("text_encoder_2", "CLIPTextModelWithProjection"),
    ])?;
    Ok(two_texts)
}
