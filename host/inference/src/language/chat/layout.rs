//! A chat model on disk, a Hugging Face folder or a GGUF file: read from configurations and headers alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;
use candle_core::quantized::GgmlDType;

use crate::language::decoder::{DecoderConfig, DecoderWeights, Family};
use crate::weights::{BrokenFile, ConfigFile, GgufFile, Loaded, WeightFiles, Weights};

/// Bytes of a weight that is held as a number.
const WEIGHT_BYTES: u64 = 4;
/// Tokens of a prompt that pass through the model at once.
pub(super) const BLOCK: usize = 256;

/// Configuration and open weight files of a chat model.
pub struct ChatLayout {
    /// The folder or file.
    pub path: PathBuf,
    /// Dimensions of the decoder.
    pub decoder: DecoderConfig,
    pub(super) source: Source,
}

pub(super) enum Source {
    Folder(Arc<WeightFiles>),
    Gguf(Arc<GgufFile>),
}

impl ChatLayout {
    /// Reads a model folder or GGUF file; none if it is no language model or none that chats.
    ///
    /// # Errors
    /// It is a chat model, but of a family or variant that is not supported, or a file is missing or broken.
    pub fn read(path: &Path) -> Loaded<Option<Self>> {
        if path.is_dir() {
            Self::read_folder(path)
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf")) {
            Self::of_gguf(&Arc::new(GgufFile::open(path)?))
        } else {
            Ok(None)
        }
    }

    fn read_folder(folder: &Path) -> Loaded<Option<Self>> {
        let path = folder.join("config.json");
        if !path.is_file() {
            return Ok(None);
        }
        let config = ConfigFile::read(&path)?;
        let writes = |name: &&str| name.ends_with("ForCausalLM");
        let named = config.get("architectures").and_then(|v| v.as_array());
        if !named.is_some_and(|names| names.iter().filter_map(|n| n.as_str()).any(|n| writes(&n))) {
            return Ok(None);
        }
        let kind = config.text("model_type")?.unwrap_or_default();
        let Some(family) = Family::named(kind) else {
            return Err(config.problem("model_type", format!("`{kind}` is not supported")));
        };
        let layout = Self {
            decoder: DecoderConfig::read(&config, family)?,
            source: Source::Folder(Arc::new(WeightFiles::open(folder, "model")?)),
            path: folder.to_path_buf(),
        };
        if !folder.join("tokenizer.json").is_file() {
            return Err(BrokenFile::new(folder, "has no `tokenizer.json`"));
        }
        Ok(Some(layout))
    }

    /// The model of an open GGUF file; none if it is no language model.
    ///
    /// # Errors
    /// It is one, but of a variant that is not supported.
    pub fn of_gguf(file: &Arc<GgufFile>) -> Loaded<Option<Self>> {
        let Some(family) = file.text("general.architecture")?.and_then(Family::named) else {
            return Ok(None);
        };
        if file.integer("split.count")?.is_some_and(|count| count > 1) {
            return Err(file.problem("split.count", "split files are not supported; join them first"));
        }
        let decoder = DecoderConfig::read_gguf(file, family)?;
        Ok(Some(Self { path: file.path().to_path_buf(), decoder, source: Source::Gguf(Arc::clone(file)) }))
    }

    /// The name of the folder or file, without extension.
    pub fn label(&self) -> String {
        let name = if self.path.is_dir() { self.path.file_name() } else { self.path.file_stem() };
        name.unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Files whose contents decide what the model computes.
    pub fn files(&self) -> Vec<PathBuf> {
        match &self.source {
            Source::Gguf(file) => vec![file.path().to_path_buf()],
            Source::Folder(weights) => {
                let fixed = [
                    "config.json",
                    "generation_config.json",
                    "tokenizer.json",
                    "tokenizer_config.json",
                    "chat_template.jinja",
                ];
                let fixed = fixed.iter().map(|name| self.path.join(name)).filter(|path| path.is_file());
                fixed.chain(weights.paths().map(Path::to_path_buf)).collect()
            }
        }
    }

    /// Memory that the weights take once loaded.
    pub fn weight_bytes(&self) -> u64 {
        match &self.source {
            Source::Folder(weights) => weights.weight_count() * WEIGHT_BYTES,
            Source::Gguf(file) => file
                .entries()
                .values()
                .map(|entry| match entry.dtype {
                    GgmlDType::F16 | GgmlDType::BF16 => 2 * entry.bytes() as u64,
                    _ => entry.bytes() as u64,
                })
                .sum(),
        }
    }

    /// Memory that a chat takes on top of the weights, with at most `tokens` tokens of messages and answer.
    pub fn working_bytes(&self, tokens: usize) -> u64 {
        let tokens = tokens.min(self.decoder.context);
        self.decoder.cache_bytes(tokens).saturating_add(self.decoder.pass_bytes(tokens.min(BLOCK)))
    }

    /// The decoder's weights, to be loaded onto `device`.
    pub fn weights(&self, device: &Device) -> DecoderWeights {
        match &self.source {
            Source::Folder(files) => DecoderWeights::Folder(Weights::new(Arc::clone(files), device)),
            Source::Gguf(file) => DecoderWeights::Gguf(Arc::clone(file), device.clone()),
        }
    }
}
