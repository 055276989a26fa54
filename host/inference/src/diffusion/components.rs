//! The components of a model on disk, wherever they lie: in a folder in the layout of diffusers (an index, and a folder
//! for each component), in one file of the model's makers, in such a file beside a folder's index, or, as far as a file
//! lacks some, in other files and models that have them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use candle_core::Device;

use super::checkpoint::{Checkpoint, Part};
use super::painter::PainterKind;
use crate::text::TokenizerSource;
use crate::weights::{BrokenFile, ConfigFile, KeyMap, Loaded, WeightFiles, Weights};

/// Most entries of a folder that are looked at for a weight file.
const MAX_ENTRIES: usize = 1 << 10;
/// What the names of a published transformer may begin with.
const PREFIXES: [&str; 2] = ["model.diffusion_model.", "diffusion_model."];
/// Endings of files that may hold a model beside a folder's index.
const MODEL_FILES: [&str; 4] = ["safetensors", "gguf", "ckpt", "pth"];
/// Name of the weights of components that diffusers saves.
pub(super) const DIFFUSERS_WEIGHTS: &str = "diffusion_pytorch_model";
/// Name of the weights of components that transformers saves.
pub(super) const TRANSFORMERS_WEIGHTS: &str = "model";

/// Where the components lie that a model's own file lacks: by the names that diffusers gives them, a file or the folder
/// or file of another model.
pub type Borrowed = BTreeMap<&'static str, PathBuf>;

/// The components of a model.
pub(super) struct Components {
    kind: PainterKind,
    index: ConfigFile,
    own: Home,
    borrowed: BTreeMap<&'static str, Home>,
}

/// Where components lie.
enum Home {
    Folder { path: PathBuf, beside: OnceLock<Loaded<Option<Arc<Checkpoint>>>> },
    File(Arc<Checkpoint>),
}

impl Components {
    /// Opens a folder with a `model_index.json`, or a file of a model's makers.
    ///
    /// # Errors
    /// The index or the file is broken, or the file holds no model.
    pub(super) fn open(path: &Path, borrowed: &Borrowed) -> Loaded<Self> {
        if path.is_dir() {
            return Self::of_folder(path);
        }
        let none = || BrokenFile::new(path, "holds no model that paints");
        Self::of_file(Checkpoint::open(path)?.ok_or_else(none)?, borrowed)
    }

    fn of_folder(path: &Path) -> Loaded<Self> {
        let index = ConfigFile::read(&path.join("model_index.json"))?;
        let kind = PainterKind::of_index(&index)?;
        Ok(Self { kind, index, own: Home::folder(path), borrowed: BTreeMap::new() })
    }

    /// The components of an open file.
    ///
    /// # Errors
    /// It holds no model, or what it borrows from is broken.
    pub(super) fn of_file(file: Checkpoint, borrowed: &Borrowed) -> Loaded<Self> {
        let none = || BrokenFile::new(file.path(), "holds parts of a model alone");
        let kind = file.kind().ok_or_else(none)?;
        let index = file.index(kind)?;
        let homes = borrowed.iter().map(|(part, path)| Ok((*part, Home::open(path)?)));
        Ok(Self { kind, index, borrowed: homes.collect::<Loaded<_>>()?, own: Home::File(Arc::new(file)) })
    }

    /// The kind of model.
    pub(super) fn kind(&self) -> PainterKind {
        self.kind
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

    /// True if there is a component: if the index of a folder names a class for it, or a file holds or borrows it.
    pub(super) fn has(&self, component: &str) -> bool {
        match &self.own {
            Home::Folder { .. } => {
                self.index.get(component).and_then(|v| v.get(1)).is_some_and(|class| class.is_string())
            }
            Home::File(file) => {
                self.borrowed.contains_key(component)
                    || self.part(component).is_some_and(|part| file.holds(part))
            }
        }
    }

    /// What errors about a component name.
    pub(super) fn place(&self, component: &str) -> PathBuf {
        match self.home(component) {
            Home::Folder { path, .. } => path.join(component),
            Home::File(file) => file.path().to_path_buf(),
        }
    }

    /// Name of the folder or file.
    pub(super) fn name(&self) -> String {
        let path = match &self.own {
            Home::Folder { path, .. } => path.as_path(),
            Home::File(file) => file.path(),
        };
        path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default()
    }

    /// The configuration of a component.
    pub(super) fn config(&self, component: &str) -> Loaded<ConfigFile> {
        match self.home(component) {
            Home::Folder { path, .. } => {
                let name = if component == "scheduler" { "scheduler_config.json" } else { "config.json" };
                ConfigFile::read(&path.join(component).join(name))
            }
            Home::File(file) if component == "scheduler" => file.scheduler(self.kind),
            Home::File(file) => file.config(self.needed(component)?, self.kind),
        }
    }

    /// The open weight files of a component.
    pub(super) fn weights(&self, component: &str, stem: &str) -> Loaded<Arc<WeightFiles>> {
        self.saved_or_published(component, stem, |_| KeyMap::default())
    }

    /// The open weights of a component: under this name, in the only GGUF or safetensors file of its folder, as others
    /// publish them, or in the model's one file. `keys` maps the names of a transformer's makers.
    pub(super) fn saved_or_published(
        &self,
        component: &str,
        stem: &str,
        keys: impl FnOnce(&WeightFiles) -> KeyMap,
    ) -> Loaded<Arc<WeightFiles>> {
        let home = self.home(component);
        let path = match home {
            Home::File(file) => return file.weights(self.needed(component)?, keys),
            Home::Folder { path, .. } => path.join(component),
        };
        let saved = WeightFiles::open(&path, stem);
        let Err(missing) = saved else { return saved.map(Arc::new) };
        if let Some(path) = single_file(&path) {
            let files = WeightFiles::file(&path)?;
            let prefix = PREFIXES.into_iter().find(|p| files.names().any(|name| name.starts_with(p)));
            let map = keys(&files).below(prefix.unwrap_or_default());
            return Ok(Arc::new(files.with_stretches(map)));
        }
        match home.beside()? {
            Some(file) => {
                let part = self.needed(component)?;
                if file.holds(part) { file.weights(part, keys) } else { Err(missing) }
            }
            None => Err(missing),
        }
    }

    /// A tokenizer: a folder, which must hold one of these files, or what was published for the text encoder.
    pub(super) fn tokenizer(&self, component: &str, files: &[&str]) -> Loaded<TokenizerSource> {
        let encoder = component.replace("tokenizer", "text_encoder");
        let path = match self.home(&encoder) {
            Home::Folder { path, .. } => path.join(component),
            Home::File(file) => {
                let vocabulary = self.needed(&encoder)?.vocabulary();
                let none = || BrokenFile::new(file.path(), format!("has no `{component}`"));
                return vocabulary.map(TokenizerSource::Published).ok_or_else(none);
            }
        };
        if files.iter().any(|name| path.join(name).is_file()) {
            return Ok(TokenizerSource::Folder(path));
        }
        let names: Vec<_> = files.iter().map(|name| format!("`{name}`")).collect();
        let none = if files.len() > 1 { "neither" } else { "no" };
        Err(BrokenFile::new(path, format!("has {none} {}", names.join(" nor "))))
    }

    /// Those files that decide what a model computes: the index, the configurations and tokenizers of all components,
    /// and the weights.
    pub(super) fn files(&self, components: &[&str], weights: &[&Arc<WeightFiles>]) -> Vec<PathBuf> {
        const NAMES: [&str; 7] = [
            "config.json",
            "scheduler_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.json",
            "merges.txt",
            "chat_template.jinja",
        ];
        let mut files = Vec::new();
        if let Home::Folder { path, .. } = &self.own {
            files.push(path.join("model_index.json"));
        }
        for component in components {
            let owner = component.replace("tokenizer", "text_encoder");
            if let Home::Folder { path, .. } = self.home(&owner) {
                let folder = path.join(component);
                files.extend(NAMES.map(|name| folder.join(name)).into_iter().filter(|path| path.is_file()));
            }
        }
        let weights: BTreeSet<_> = weights.iter().flat_map(|w| w.paths().map(Path::to_path_buf)).collect();
        files.extend(weights);
        files
    }

    /// The part that a component of this kind of model is.
    fn part(&self, component: &str) -> Option<Part> {
        let open_clip = match &self.own {
            Home::File(file) => file.nature().open_clip,
            Home::Folder { .. } => {
                let beside = self.own.beside().ok().flatten();
                beside.is_some_and(|file| file.holds(Part::OpenClip))
            }
        };
        self.kind.part(component, open_clip)
    }

    fn needed(&self, component: &str) -> Loaded<Part> {
        let problem = || self.index.problem(component, "is no component of this kind of model");
        self.part(component).ok_or_else(problem)
    }

    fn home(&self, component: &str) -> &Home {
        self.borrowed.get(component).unwrap_or(&self.own)
    }
}

impl Home {
    fn folder(path: &Path) -> Self {
        Self::Folder { path: path.to_path_buf(), beside: OnceLock::new() }
    }

    fn open(path: &Path) -> Loaded<Self> {
        if path.is_dir() {
            return Ok(Self::folder(path));
        }
        let none = || BrokenFile::new(path, "holds no part of a model");
        Ok(Self::File(Arc::new(Checkpoint::open(path)?.ok_or_else(none)?)))
    }

    /// The file of the model's makers that lies beside a folder's index.
    fn beside(&self) -> Loaded<Option<Arc<Checkpoint>>> {
        match self {
            Self::File(_) => Ok(None),
            Self::Folder { path, beside } => beside.get_or_init(|| file_beside(path)).clone(),
        }
    }
}

/// The first file in a folder that holds a network.
fn file_beside(folder: &Path) -> Loaded<Option<Arc<Checkpoint>>> {
    for path in files_with_endings(folder, &MODEL_FILES) {
        let found = Checkpoint::open(&path)?.filter(|file| file.kind().is_some());
        if found.is_some() {
            return Ok(found.map(Arc::new));
        }
    }
    Ok(None)
}

/// The only weight file of a folder.
pub(super) fn single_file(folder: &Path) -> Option<PathBuf> {
    let mut files = files_with_endings(folder, &["gguf", "safetensors"]).into_iter();
    files.next().filter(|_| files.next().is_none())
}

/// Plain files of a folder with one of some endings, in the order of their names.
fn files_with_endings(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_ENTRIES);
    let known =
        |path: &PathBuf| path.extension().is_some_and(|own| endings.iter().any(|known| own == *known));
    let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(|p| known(p) && p.is_file()).collect();
    files.sort();
    files
}

/// The tensors of open files, to be loaded onto a device.
pub(super) fn tensors(files: &Arc<WeightFiles>, device: &Device) -> Weights {
    Weights::new(Arc::clone(files), device)
}
