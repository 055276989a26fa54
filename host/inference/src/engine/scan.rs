//! Finding installed models: folders are searched to a bounded depth and read by configurations and weight headers
//! alone.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::assembly::{Assembly, Unfinished};
use super::found::{Found, Look, What};
use super::models::{Family, InstalledModel};
use super::readings::Readings;
use crate::text::InversionLayout;

/// Levels of sub-folders that are searched.
const MAX_DEPTH: usize = 3;
/// Most files and folders that a scan looks at.
const MAX_ENTRIES: usize = 50_000;
/// Folders that people and other programs collect models in; such a folder is the name of no model.
const SHELVES: [&str; 19] = [
    "checkpoints",
    "clip",
    "control_net",
    "controlnet",
    "controlnets",
    "diffusion_models",
    "embeddings",
    "esrgan",
    "gguf",
    "lora",
    "loras",
    "lycoris",
    "realesrgan",
    "stable_diffusion",
    "text_encoders",
    "unet",
    "upscale_models",
    "upscalers",
    "vae",
];
/// Names of files that say nothing; their folders' do.
const NAMELESS: [&str; 6] =
    ["adapter_model", "diffusion_pytorch_model", "lora", "model", "pytorch_lora_weights", "pytorch_model"];
/// Endings of single files that may hold a model.
const MODEL_FILES: [&str; 5] = ["safetensors", "gguf", "ckpt", "pth", "onnx"];

/// What looks like a model but cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenModel {
    /// The folder, or the file.
    pub path: PathBuf,
    /// What it is for, where that can be told.
    pub family: Option<Family>,
    /// The file, what is wrong with it, and where possible what to do.
    pub message: String,
    /// The entry of the catalogue that has all parts which it lacks, if that is what is wrong.
    pub entry: Option<&'static str>,
}

impl BrokenModel {
    /// What is wrong, without the path where that is the file itself.
    pub fn problem(&self) -> &str {
        let named = self.message.strip_prefix(self.path.to_string_lossy().as_ref());
        named.and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&self.message)
    }
}

/// What a scan found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelScan {
    /// Usable models, by id.
    pub models: Vec<InstalledModel>,
    /// Unusable ones, by path.
    pub broken: Vec<BrokenModel>,
    /// Files that a model could be in and that hold none that is known, by path.
    pub others: Vec<PathBuf>,
}

impl ModelScan {
    /// Those of the other files that people take for models: some endings are used for many things.
    pub fn strangers(&self) -> impl Iterator<Item = &Path> {
        self.others.iter().map(PathBuf::as_path).filter(|file| has_ending_of_model(file))
    }

    fn add_broken(&mut self, path: PathBuf, family: Option<Family>, message: String) {
        self.broken.push(BrokenModel { path, family, message, entry: None });
    }

    pub(super) fn add_model(&mut self, model: InstalledModel) {
        match self.models.iter().find(|other| other.id == model.id) {
            None => self.models.push(model),
            Some(other) => {
                let message = format!(
                    "there is already a model `{}` at {}; rename one of them",
                    model.id,
                    other.path.display()
                );
                self.add_broken(model.path, Some(model.family), message);
            }
        }
    }
}

/// A path that may be a model.
struct Candidate {
    /// The id that the model would have.
    id: String,
    path: PathBuf,
    look: Look,
}

/// Looks for models in folders and their sub-folders: a model is a folder with a `model_index.json` or a
/// `config.json`, or a single file of weights. It has the name of its folder; a file has its own, without the ending, if
/// it shares its folder with others, lies in or below a folder that models are collected in, or is a LoRA or an embedding,
/// which prompts call by it. Folders that do not exist, and what has a name that begins with a dot, are passed
/// over. Of two models with one name the first found counts.
pub struct ModelScanner {
    folders: Vec<PathBuf>,
    readings: Readings,
}

impl ModelScanner {
    /// A scanner of these folders, which has read nothing yet.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, readings: Readings::default() }
    }

    /// Looks for models. What was read before is not read again while its files keep their sizes and times of change.
    pub fn scan(&mut self) -> ModelScan {
        let mut search = Search { readings: &self.readings, left: MAX_ENTRIES, candidates: Vec::new() };
        for folder in &self.folders {
            search.folder(folder, MAX_DEPTH, is_shelf(folder));
        }
        let mut scan = ModelScan::default();
        let mut assembly = Assembly::default();
        for Candidate { id, path, look } in search.candidates {
            match look {
                Ok(None) => scan.others.push(path),
                Ok(Some(Found { what, spares })) => {
                    assembly.keep(spares);
                    match what {
                        What::Model(model) => scan.add_model(InstalledModel::new(id, &path, model)),
                        What::Network(lacking) => assembly.add(id, path, lacking),
                        What::Parts => {}
                    }
                }
                Err((family, broken)) => scan.add_broken(path, family, broken.to_string()),
            }
        }
        for (id, path, family, model) in assembly.finish(&self.readings) {
            match model {
                Ok(model) => scan.add_model(InstalledModel::new(id, &path, model)),
                Err(Unfinished { message, entry }) => {
                    scan.broken.push(BrokenModel { path, family: Some(family), message, entry });
                }
            }
        }
        self.readings.forget_unused();
        scan.models.sort_by(|a, b| a.id.cmp(&b.id));
        scan.broken.sort_by(|a, b| a.path.cmp(&b.path));
        scan.others.sort();
        scan
    }
}

/// Looks for models once, as [`ModelScanner`] does.
pub fn scan_models(folders: &[PathBuf]) -> ModelScan {
    ModelScanner::new(folders.to_vec()).scan()
}

/// A search that is under way.
struct Search<'a> {
    readings: &'a Readings,
    /// Files and folders that may still be looked at.
    left: usize,
    candidates: Vec<Candidate>,
}

impl Search<'_> {
    /// `shelved` says whether the folder, or one that it lies in, collects models.
    fn folder(&mut self, folder: &Path, depth: usize, shelved: bool) {
        if describes_a_model(folder) {
            let look = self.readings.look(&[folder], || Found::in_folder(folder));
            if !matches!(look, Ok(None)) {
                self.candidates.push(Candidate { id: name_of(folder), path: folder.to_path_buf(), look });
                return;
            }
        }
        let mut paths = shown(folder);
        if paths.len() > self.left {
            tracing::warn!(folder = %folder.display(), "too many files and folders, the rest is not searched");
            paths.truncate(self.left);
        }
        self.left -= paths.len();
        let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
        self.files(folder, files, (depth, shelved));
        for folder in folders.iter().filter(|_| depth > 0) {
            self.folder(folder, depth - 1, shelved || is_shelf(folder));
        }
    }

    fn files(&mut self, folder: &Path, files: Vec<PathBuf>, (depth, shelved): (usize, bool)) {
        let files: Vec<_> =
            files.into_iter().filter(|path| path.is_file() && may_hold_a_model(path)).collect();
        let alone = depth < MAX_DEPTH && files.len() == 1;
        let readings = self.readings;
        let read = files.into_par_iter().map(|path| {
            let look = readings.look(&[&path], || Found::in_file(&path));
            let own = match family_of(&look) {
                Some(Family::Embedding) => true,
                Some(Family::Lora) => !is_nameless(&path),
                _ => shelved && !is_nameless(&path),
            };
            let id = if alone && !own { name_of(folder) } else { stem_of(&path) };
            Candidate { id, path, look }
        });
        self.candidates.extend(read.collect::<Vec<_>>());
    }
}

fn family_of(look: &Look) -> Option<Family> {
    match look {
        Ok(Some(Found { what: What::Model(model), .. })) => Some(model.family),
        _ => None,
    }
}

fn is_shelf(folder: &Path) -> bool {
    let name = name_of(folder).to_lowercase().replace(['-', ' '], "_");
    SHELVES.contains(&name.as_str())
}

fn is_nameless(file: &Path) -> bool {
    NAMELESS.contains(&stem_of(file).to_lowercase().as_str())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn stem_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// What lies in a folder, in the order of names. Behind a dot lie models that are still being fetched.
fn shown(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let shown = entries.flatten().filter(|e| !e.file_name().to_string_lossy().starts_with('.'));
    let mut paths: Vec<PathBuf> = shown.map(|e| e.path()).take(MAX_ENTRIES).collect();
    paths.sort();
    paths
}

/// True if a folder has one of the files that models are described by.
fn describes_a_model(folder: &Path) -> bool {
    ["model_index.json", "config.json"].iter().any(|name| folder.join(name).is_file())
}

fn may_hold_a_model(file: &Path) -> bool {
    has_ending_of_model(file) || InversionLayout::may_be_at(file)
}

fn has_ending_of_model(file: &Path) -> bool {
    file.extension().is_some_and(|ending| MODEL_FILES.iter().any(|known| ending == *known))
}
