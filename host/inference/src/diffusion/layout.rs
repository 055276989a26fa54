//! A Stable Diffusion model on disk, in the folder layout of diffusers: read from configurations and weight
//! headers alone, and checked for parts that do not fit each other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::samplers::SchedulerConfig;
use super::unet::{BlockKind, Level, UnetConfig};
use super::vae::VaeConfig;
use crate::text::ClipConfig;
use crate::weights::{BrokenFile, ConfigFile, Loaded, WeightFiles};

/// Bytes of a weight in memory.
const WEIGHT_BYTES: u64 = 4;

/// Configurations and open weight files of a model folder.
pub struct ModelLayout {
    /// The folder.
    pub folder: PathBuf,
    /// Dimensions of the noise predictor.
    pub unet: UnetConfig,
    /// Dimensions of the autoencoder.
    pub vae: VaeConfig,
    /// Dimensions of the text encoder.
    pub text: ClipConfig,
    /// Noise table and sampling preferences.
    pub scheduler: SchedulerConfig,
    pub(super) unet_weights: Arc<WeightFiles>,
    pub(super) vae_weights: Arc<WeightFiles>,
    pub(super) text_weights: Arc<WeightFiles>,
}

impl ModelLayout {
    /// Reads a model folder.
    ///
    /// # Errors
    /// The pipeline is of another kind, a file is missing or broken, or parts do not fit each other.
    pub fn read(folder: &Path) -> Loaded<Self> {
        check_index(&ConfigFile::read(&folder.join("model_index.json"))?)?;
        let part = |name: &str, file: &str| ConfigFile::read(&folder.join(name).join(file));
        let unet_file = part("unet", "config.json")?;
        let text_file = part("text_encoder", "config.json")?;
        let layout = Self {
            unet: UnetConfig::read(&unet_file)?,
            vae: VaeConfig::read(&part("vae", "config.json")?)?,
            text: ClipConfig::read(&text_file)?,
            scheduler: SchedulerConfig::read(&part("scheduler", "scheduler_config.json")?)?,
            unet_weights: Arc::new(WeightFiles::open(&folder.join("unet"), "diffusion_pytorch_model")?),
            vae_weights: Arc::new(WeightFiles::open(&folder.join("vae"), "diffusion_pytorch_model")?),
            text_weights: Arc::new(WeightFiles::open(&folder.join("text_encoder"), "model")?),
            folder: folder.to_path_buf(),
        };
        layout.check_fit(&unet_file, &text_file)?;
        let tokenizer = folder.join("tokenizer");
        if !["tokenizer.json", "vocab.json"].iter().any(|name| tokenizer.join(name).is_file()) {
            return Err(BrokenFile::new(tokenizer, "has neither `tokenizer.json` nor `vocab.json`"));
        }
        Ok(layout)
    }

    fn check_fit(&self, unet_file: &ConfigFile, text_file: &ConfigFile) -> Loaded<()> {
        let latent = self.vae.latent_channels;
        for (key, channels) in
            [("in_channels", self.unet.in_channels), ("out_channels", self.unet.out_channels)]
        {
            if channels != latent {
                let hint = if channels == 9 { " (inpainting networks are not supported)" } else { "" };
                let problem = format!("{channels}, but the autoencoder has {latent} latent channels{hint}");
                return Err(unet_file.problem(key, problem));
            }
        }
        let width = self.text.width;
        let crossed =
            |level: &&Level| level.down == BlockKind::CrossAttention || level.up == BlockKind::CrossAttention;
        if let Some(level) = self.unet.levels.iter().filter(crossed).find(|l| l.text_width != width) {
            let problem = format!("{width}, but the noise predictor attends to {}", level.text_width);
            return Err(text_file.problem("hidden_size", problem));
        }
        Ok(())
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

    /// Files whose contents decide what the model computes.
    pub fn files(&self) -> Vec<PathBuf> {
        let fixed = [
            "model_index.json",
            "unet/config.json",
            "vae/config.json",
            "text_encoder/config.json",
            "scheduler/scheduler_config.json",
            "tokenizer/tokenizer.json",
            "tokenizer/tokenizer_config.json",
            "tokenizer/vocab.json",
            "tokenizer/merges.txt",
        ];
        let fixed = fixed.iter().map(|name| self.folder.join(name)).filter(|path| path.is_file());
        let weights = [&self.unet_weights, &self.vae_weights, &self.text_weights];
        fixed.chain(weights.iter().flat_map(|w| w.paths().map(Path::to_path_buf))).collect()
    }

    /// Memory that the weights take once loaded.
    pub fn weight_bytes(&self) -> u64 {
        let parts = [&self.unet_weights, &self.vae_weights, &self.text_weights];
        parts.iter().map(|w| w.weight_count()).sum::<u64>() * WEIGHT_BYTES
    }
}

/// Refuses pipelines of other kinds and parts of other classes.
fn check_index(index: &ConfigFile) -> Loaded<()> {
    match index.required_text("_class_name")? {
        "StableDiffusionPipeline" | "StableDiffusionImg2ImgPipeline" => {}
        other => return Err(index.problem("_class_name", format!("`{other}` is not supported"))),
    }
    for (part, class) in
        [("unet", "UNet2DConditionModel"), ("vae", "AutoencoderKL"), ("text_encoder", "CLIPTextModel")]
    {
        let named = index.get(part).and_then(|v| v.get(1)).and_then(|v| v.as_str());
        if named.is_some_and(|named| named != class) {
            let problem = format!("`{}` is not supported, only `{class}`", named.unwrap_or_default());
            return Err(index.problem(part, problem));
        }
    }
    Ok(())
}
