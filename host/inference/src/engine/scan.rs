//! Finding installed models: folders are searched to a bounded depth and read by configurations and weight headers
//! alone.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::models::{Family, InstalledModel, PaintingTraits};
use crate::diffusion::layout::ModelLayout;
use crate::language::chat::ChatLayout;
use crate::language::translate::TranslatorLayout;
use crate::upscale::UpscalerLayout;
use crate::vision::depth_anything::DepthLayout;
use crate::vision::florence2::CaptionLayout;
use crate::vision::salient::SalientLayout;
use crate::weights::{BrokenFile, Loaded, WeightFiles};

/// Levels of sub-folders that are searched.
const MAX_DEPTH: usize = 3;
/// Most files and folders that a scan looks at.
const MAX_ENTRIES: usize = 50_000;
/// Endings of single files that may hold a model.
const MODEL_FILES: [&str; 4] = ["safetensors", "gguf", "pth", "onnx"];

/// What a look at a path gives; of a broken model the family, where that can be told.
type Look = Result<Option<Found>, (Option<Family>, BrokenFile)>;

/// What was found at a path.
pub(super) struct Found {
    pub(super) family: Family,
    pub(super) files: Vec<PathBuf>,
    pub(super) painting: Option<PaintingTraits>,
}

impl Found {
    fn painter(layout: &ModelLayout) -> Self {
        let (height, width) = layout.native_size();
        let traits = PaintingTraits {
            size_multiple: layout.size_multiple() as u32,
            native_size: height.max(width) as u32,
            prediction: layout.scheduler.prediction,
            text_layers: layout.text.layers as u32,
        };
        Self { family: Family::StableDiffusion, files: layout.files(), painting: Some(traits) }
    }

    fn of<L>(family: Family, layout: Loaded<Option<L>>, files: fn(&L) -> Vec<PathBuf>) -> Look {
        let layout = layout.map_err(|broken| (Some(family), broken))?;
        Ok(layout.map(|layout| Self { family, files: files(&layout), painting: None }))
    }

    /// Reads a folder by its configurations and headers. None if it is no model.
    fn in_folder(folder: &Path) -> Look {
        if folder.join("model_index.json").is_file() {
            let layout =
                ModelLayout::read(folder).map_err(|broken| (Some(Family::StableDiffusion), broken))?;
            return Ok(Some(Self::painter(&layout)));
        }
        if !folder.join("config.json").is_file() {
            return Ok(None);
        }
        let readers: [fn(&Path) -> Look; 4] = [
            |folder| Self::of(Family::Depth, DepthLayout::read(folder), DepthLayout::files),
            |folder| Self::of(Family::Captioner, CaptionLayout::read(folder), CaptionLayout::files),
            |folder| Self::of(Family::Translator, TranslatorLayout::read(folder), TranslatorLayout::files),
            |folder| Self::of(Family::Chat, ChatLayout::read(folder), ChatLayout::files),
        ];
        for read in readers {
            if let Some(found) = read(folder)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Reads a single file by its header. None if it is no model.
    fn in_file(file: &Path) -> Look {
        if !may_hold_a_model(file) {
            return Ok(None);
        }
        if file.extension().is_some_and(|ending| ending == "gguf") {
            return Self::of(Family::Chat, ChatLayout::read(file), ChatLayout::files);
        }
        // A file that can't be opened says nothing of what it is for.
        let weights = WeightFiles::single(file).map_err(|broken| (None, broken))?;
        let salient = SalientLayout::recognise(weights);
        match Self::of(Family::BackgroundRemoval, salient, SalientLayout::files)? {
            Some(found) => Ok(Some(found)),
            None => Self::of(Family::Upscaler, UpscalerLayout::read(file), UpscalerLayout::files),
        }
    }
}

/// What looks like a model but cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenModel {
    /// The folder, or the file.
    pub path: PathBuf,
    /// What it is for, where that can be told.
    pub family: Option<Family>,
    /// The file, what is wrong with it, and where possible what to do.
    pub message: String,
}

/// What a scan found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelScan {
    /// Usable models, by id.
    pub models: Vec<InstalledModel>,
    /// Unusable ones, by path.
    pub broken: Vec<BrokenModel>,
}

impl ModelScan {
    /// Notes what was found at a path; false if that was nothing.
    fn add(&mut self, id: Option<&OsStr>, path: &Path, found: Look) -> bool {
        match found {
            Ok(None) => return false,
            Ok(Some(found)) => {
                let id = id.unwrap_or_default().to_string_lossy().into_owned();
                self.add_model(InstalledModel::new(id, path, found));
            }
            Err((family, broken)) => {
                let message = broken.to_string();
                self.broken.push(BrokenModel { path: path.to_path_buf(), family, message });
            }
        }
        true
    }

    fn add_model(&mut self, model: InstalledModel) {
        if let Some(other) = self.models.iter().find(|m| m.id == model.id) {
            let message = format!(
                "there is already a model `{}` at {}; rename one of them",
                model.id,
                other.path.display()
            );
            self.broken.push(BrokenModel { path: model.path, family: Some(model.family), message });
        } else {
            self.models.push(model);
        }
    }
}

/// Looks for models in folders and their sub-folders: a model is a folder with a `model_index.json` or a
/// `config.json`, or a single file of weights. It has the name of its folder; a file that shares its folder with others
/// has its own, without the ending. Folders that do not exist, and what has a name that begins with a dot, are passed
/// over. Of two models with one name the first found counts.
pub fn scan_models(folders: &[PathBuf]) -> ModelScan {
    let mut scan = ModelScan::default();
    let mut left = MAX_ENTRIES;
    for folder in folders {
        search(folder, MAX_DEPTH, &mut left, &mut scan);
    }
    scan.models.sort_by(|a, b| a.id.cmp(&b.id));
    scan.broken.sort_by(|a, b| a.path.cmp(&b.path));
    scan
}

fn search(folder: &Path, depth: usize, left: &mut usize, scan: &mut ModelScan) {
    if scan.add(folder.file_name(), folder, Found::in_folder(folder)) {
        return;
    }
    let paths = shown(folder);
    let alone = depth < MAX_DEPTH && paths.iter().filter(|path| may_hold_a_model(path)).count() == 1;
    for path in paths {
        if *left == 0 {
            tracing::warn!(folder = %folder.display(), "too many files and folders, the rest is not searched");
            return;
        }
        *left -= 1;
        if path.is_file() {
            let id = if alone { folder.file_name() } else { path.file_stem() };
            scan.add(id, &path, Found::in_file(&path));
        } else if depth > 0 {
            search(&path, depth - 1, left, scan);
        }
    }
}

/// What lies in a folder, in the order of names. Behind a dot lie models that are still being fetched.
fn shown(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let shown = entries.flatten().filter(|e| !e.file_name().to_string_lossy().starts_with('.'));
    let mut paths: Vec<PathBuf> = shown.map(|e| e.path()).take(MAX_ENTRIES).collect();
    paths.sort();
    paths
}

fn may_hold_a_model(file: &Path) -> bool {
    file.extension().is_some_and(|ending| MODEL_FILES.iter().any(|known| ending == *known))
}
