//! A model folder in the layout of diffusers: an index of components, each in a folder of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;

use crate::weights::{BrokenFile, ConfigFile, KeyMap, Loaded, WeightFiles, Weights};

/// Most entries of a folder that are looked at for a weight file.
const MAX_ENTRIES: usize = 1 << 10;
/// What the names of a published transformer may begin with.
const PREFIXES: [&str; 2] = ["model.diffusion_model.", "diffusion_model."];
/// Name of the weights of components that diffusers saves.
pub(super) const DIFFUSERS_WEIGHTS: &str = "diffusion_pytorch_model";
/// Name of the weights of components that transformers saves.
pub(super) const TRANSFORMERS_WEIGHTS: &str = "model";

/// A model folder with its index.
pub(super) struct ModelFolder {
    path: PathBuf,
    index: ConfigFile,
}

impl ModelFolder {
    /// Reads the index.
    pub(super) fn open(path: &Path) -> Loaded<Self> {
        Ok(Self { path: path.to_path_buf(), index: ConfigFile::read(&path.join("model_index.json"))? })
    }

    /// The index.
    pub(super) fn index(&self) -> &ConfigFile {
        &self.index
    }

    /// Refuses components of other classes than these.
    pub(super) fn must_be(&self, classes: &[(&str, &str)]) -> Loaded<()> {
        for (part, class) in classes {
            let named = self.index.get(part).and_then(|v| v.get(1)).and_then(|v| v.as_str());
            if named.is_some_and(|named| named != *class) {
                let problem = format!("`{}` is not supported, only `{class}`", named.unwrap_or_default());
                return Err(self.index.problem(part, problem));
            }
        }
        Ok(())
    }

    /// True if the index names a class for a component.
    pub(super) fn has(&self, part: &str) -> bool {
        self.index.get(part).and_then(|v| v.get(1)).is_some_and(|class| class.is_string())
    }

    /// Where a component lies.
    pub(super) fn part(&self, part: &str) -> PathBuf {
        self.path.join(part)
    }

    /// The configuration of a component.
    pub(super) fn config(&self, part: &str) -> Loaded<ConfigFile> {
        let name = if part == "scheduler" { "scheduler_config.json" } else { "config.json" };
        ConfigFile::read(&self.path.join(part).join(name))
    }

    /// The open weight files of a component.
    pub(super) fn weights(&self, part: &str, stem: &str) -> Loaded<Arc<WeightFiles>> {
        WeightFiles::open(&self.path.join(part), stem).map(Arc::new)
    }

    /// The open weights of a component: under this name, or in the only GGUF or safetensors file of its folder, as
    /// others publish them, whose names `keys` maps.
    pub(super) fn saved_or_published(
        &self,
        part: &str,
        stem: &str,
        keys: impl FnOnce(&WeightFiles) -> KeyMap,
    ) -> Loaded<Arc<WeightFiles>> {
        let folder = self.path.join(part);
        let saved = WeightFiles::open(&folder, stem);
        let Some(path) = (if saved.is_err() { single_file(&folder) } else { None }) else {
            return saved.map(Arc::new);
        };
        let gguf = path.extension().is_some_and(|ending| ending == "gguf");
        let files = if gguf { WeightFiles::gguf(&path)? } else { WeightFiles::single(&path)? };
        let prefix = PREFIXES.into_iter().find(|p| files.names().any(|name| name.starts_with(p)));
        let map = keys(&files).below(prefix.unwrap_or_default());
        Ok(Arc::new(files.with_stretches(map)))
    }

    /// The folder of a tokenizer, which must hold one of these files.
    pub(super) fn tokenizer(&self, part: &str, files: &[&str]) -> Loaded<PathBuf> {
        let folder = self.path.join(part);
        if files.iter().any(|name| folder.join(name).is_file()) {
            return Ok(folder);
        }
        let names: Vec<_> = files.iter().map(|name| format!("`{name}`")).collect();
        let none = if files.len() > 1 { "neither" } else { "no" };
        Err(BrokenFile::new(folder, format!("has {none} {}", names.join(" nor "))))
    }

    /// Those files that decide what a model computes: the index, the configurations and tokenizers of all components,
    /// and the weights.
    pub(super) fn files(&self, parts: &[&str], weights: &[&Arc<WeightFiles>]) -> Vec<PathBuf> {
        const NAMES: [&str; 7] = [
            "config.json",
            "scheduler_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.json",
            "merges.txt",
            "chat_template.jinja",
        ];
        let fixed = parts.iter().map(|part| self.path.join(part));
        let fixed = fixed.flat_map(|folder| NAMES.map(|name| folder.join(name)));
        let fixed = fixed.filter(|path| path.is_file());
        let weights = weights.iter().flat_map(|w| w.paths().map(Path::to_path_buf));
        std::iter::once(self.path.join("model_index.json")).chain(fixed).chain(weights).collect()
    }
}

/// The only weight file of a folder.
fn single_file(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten().take(MAX_ENTRIES).map(|entry| entry.path());
    let mut files = entries.filter(|path| {
        path.extension().is_some_and(|ending| ending == "gguf" || ending == "safetensors") && path.is_file()
    });
    files.next().filter(|_| files.next().is_none())
}

/// Memory that weights take once loaded.
pub(super) fn weight_bytes(weights: &[&Arc<WeightFiles>]) -> u64 {
    weights.iter().map(|w| w.loaded_bytes()).sum()
}

/// The tensors of open files, to be loaded onto a device.
pub(super) fn tensors(files: &Arc<WeightFiles>, device: &Device) -> Weights {
    Weights::new(Arc::clone(files), device)
}
