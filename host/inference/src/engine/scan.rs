//! Finding installed models: folders are searched to a bounded depth and read by configurations and weight headers
//! alone.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::models::{Family, InstalledModel};
use super::readings::Readings;
use crate::adapter::LoraLayout;
use crate::diffusion::architecture::Architecture;
use crate::diffusion::control_layout::ControlLayout;
use crate::diffusion::painter::{PainterKind, PaintingTraits};
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
pub(super) type Look = Result<Option<Found>, (Option<Family>, BrokenFile)>;

/// What was found at a path.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) family: Family,
    pub(super) files: Vec<PathBuf>,
    pub(super) painting: Option<PaintingTraits>,
    pub(super) architecture: Option<Architecture>,
}

impl Found {
    /// Reads a folder with a `model_index.json`.
    fn painter(folder: &Path) -> Look {
        let kind =
            PainterKind::of_folder(folder).map_err(|broken| (Some(Family::StableDiffusion), broken))?;
        let family = match kind {
            PainterKind::StableDiffusion => Family::StableDiffusion,
            PainterKind::StableDiffusionXl => Family::StableDiffusionXl,
            PainterKind::Flux => Family::Flux,
            PainterKind::Flux2 => Family::Flux2,
            PainterKind::StableDiffusion3 => Family::StableDiffusion3,
        };
        let layout = kind.read(folder).map_err(|broken| (Some(family), broken))?;
        let (painting, architecture) = (Some(layout.traits()), layout.architecture());
        Ok(Some(Self { family, files: layout.files(), painting, architecture }))
    }

    fn of<L>(family: Family, layout: Loaded<Option<L>>, files: fn(&L) -> Vec<PathBuf>) -> Look {
        let layout = layout.map_err(|broken| (Some(family), broken))?;
        Ok(layout.map(|layout| Self { family, files: files(&layout), painting: None, architecture: None }))
    }

    fn adapter(file: &Path) -> Look {
        let layout = LoraLayout::read(file).map_err(|broken| (Some(Family::Lora), broken))?;
        Ok(layout.map(|layout| Self {
            family: Family::Lora,
            files: layout.files(),
            painting: None,
            architecture: layout.architecture(),
        }))
    }

    fn control(folder: &Path) -> Look {
        let layout = ControlLayout::read(folder).map_err(|broken| (Some(Family::ControlNet), broken))?;
        Ok(layout.map(|layout| Self {
            family: Family::ControlNet,
            files: layout.files(),
            painting: None,
            architecture: layout.architecture(),
        }))
    }

    /// Reads a folder by its configurations and headers. None if it is no model.
    fn in_folder(folder: &Path) -> Look {
        if folder.join("model_index.json").is_file() {
            return Self::painter(folder);
        }
        let readers: [fn(&Path) -> Look; 5] = [
            Self::control,
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
        if file.extension().is_some_and(|ending| ending == "gguf") {
            return Self::of(Family::Chat, ChatLayout::read(file), ChatLayout::files);
        }
        // A file that can't be opened says nothing of what it is for.
        let weights = WeightFiles::single(file).map_err(|broken| (None, broken))?;
        if let Some(adapter) = Self::adapter(file)? {
            return Ok(Some(adapter));
        }
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
        let mut scan = ModelScan::default();
        let mut left = MAX_ENTRIES;
        for folder in &self.folders {
            search(folder, MAX_DEPTH, &mut left, &mut self.readings, &mut scan);
        }
        self.readings.forget_unused();
        scan.models.sort_by(|a, b| a.id.cmp(&b.id));
        scan.broken.sort_by(|a, b| a.path.cmp(&b.path));
        scan
    }
}

/// Looks for models once, as [`ModelScanner`] does.
pub fn scan_models(folders: &[PathBuf]) -> ModelScan {
    ModelScanner::new(folders.to_vec()).scan()
}

fn search(folder: &Path, depth: usize, left: &mut usize, readings: &mut Readings, scan: &mut ModelScan) {
    if describes_a_model(folder)
        && scan.add(folder.file_name(), folder, readings.look(folder, Found::in_folder))
    {
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
            if may_hold_a_model(&path) {
                let id = if alone { folder.file_name() } else { path.file_stem() };
                scan.add(id, &path, readings.look(&path, Found::in_file));
            }
        } else if depth > 0 {
            search(&path, depth - 1, left, readings, scan);
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

/// True if a folder has one of the files that models are described by.
fn describes_a_model(folder: &Path) -> bool {
    ["model_index.json", "config.json"].iter().any(|name| folder.join(name).is_file())
}

fn may_hold_a_model(file: &Path) -> bool {
    file.extension().is_some_and(|ending| MODEL_FILES.iter().any(|known| ending == *known))
}
