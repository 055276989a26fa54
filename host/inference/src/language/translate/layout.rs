//! A translation model on disk, a Hugging Face folder: read from configurations and weight headers alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::language::marian::{GenerationConfig, MarianConfig};
use crate::weights::{BrokenFile, ConfigFile, Loaded, WeightFiles};

/// Bytes of a weight in memory.
const WEIGHT_BYTES: u64 = 4;

/// Configurations and open weight files of a MarianMT folder.
pub struct TranslatorLayout {
    /// The folder.
    pub folder: PathBuf,
    /// Dimensions of the model.
    pub model: MarianConfig,
    /// How translations are searched for.
    pub generation: GenerationConfig,
    /// Languages that it translates from and to, as its tokenizer names them.
    pub languages: Option<(String, String)>,
    pub(super) weights: Arc<WeightFiles>,
}

impl TranslatorLayout {
    /// Reads a model folder; none if it holds no MarianMT model.
    ///
    /// # Errors
    /// It is one, but of a variant that is not supported, or a file is missing or broken.
    pub fn read(folder: &Path) -> Loaded<Option<Self>> {
        let path = folder.join("config.json");
        if !path.is_file() {
            return Ok(None);
        }
        let config = ConfigFile::read(&path)?;
        if config.get("model_type").is_none_or(|kind| kind != "marian") {
            return Ok(None);
        }
        for name in ["source.spm", "vocab.json"] {
            if !folder.join(name).is_file() {
                return Err(BrokenFile::new(folder, format!("has no `{name}`")));
            }
        }
        let optional = |name: &str| {
            let path = folder.join(name);
            if path.is_file() { ConfigFile::read(&path) } else { ConfigFile::parse(&path, "{}") }
        };
        let tokenizer = optional("tokenizer_config.json")?;
        let source = tokenizer.text("source_lang")?.map(str::to_owned);
        let target = tokenizer.text("target_lang")?.map(str::to_owned);
        let model = MarianConfig::read(&config)?;
        Ok(Some(Self {
            generation: GenerationConfig::read(&optional("generation_config.json")?, &config, &model)?,
            model,
            languages: source.zip(target),
            weights: Arc::new(WeightFiles::open(folder, "model")?),
            folder: folder.to_path_buf(),
        }))
    }

    /// The name of the folder.
    pub fn label(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Files whose contents decide what the model computes.
    pub fn files(&self) -> Vec<PathBuf> {
        let fixed = [
            "config.json",
            "generation_config.json",
            "tokenizer_config.json",
            "source.spm",
            "vocab.json",
            "target_vocab.json",
        ];
        let fixed = fixed.iter().map(|name| self.folder.join(name)).filter(|path| path.is_file());
        fixed.chain(self.weights.paths().map(Path::to_path_buf)).collect()
    }

    /// Memory that the weights take once loaded.
    pub fn weight_bytes(&self) -> u64 {
        self.weights.weight_count() * WEIGHT_BYTES
    }

    /// Memory that translating takes on top of the weights; texts of any length take the same, besides themselves.
    pub fn working_bytes(&self) -> u64 {
        self.model.working_bytes(self.generation.beams, self.generation.max_length)
    }
}
