//! Finding installed models: folders are searched to a bounded depth and read by configurations and weight headers
//! alone.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::diffusion::layout::ModelLayout;
use crate::diffusion::samplers::Prediction;

/// Levels of sub-folders that are searched.
const MAX_DEPTH: usize = 3;
/// Most folders that a scan looks into.
const MAX_FOLDERS: usize = 10_000;

/// A model that can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct InstalledModel {
    /// Name of its folder, unique in a scan.
    pub id: String,
    /// Name to show.
    pub label: String,
    /// Kind of model: `stable-diffusion`.
    pub family: &'static str,
    /// Its folder.
    pub path: PathBuf,
    /// Bytes of its files.
    pub bytes: u64,
    /// Pictures' widths and heights must be multiples of this.
    pub size_multiple: u32,
    /// Edge of the pictures that it was trained on.
    pub native_size: u32,
    /// What its network predicts.
    pub prediction: Prediction,
    /// Layers of its text encoder; one fewer can be skipped.
    pub text_layers: u32,
    pub(super) modified: Option<SystemTime>,
    files: Vec<PathBuf>,
}

impl InstalledModel {
    /// The files whose digest identifies the model.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    fn new(layout: &ModelLayout) -> Self {
        let files = layout.files();
        let metadata: Vec<_> = files.iter().filter_map(|f| f.metadata().ok()).collect();
        let id = layout.folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let (height, width) = layout.native_size();
        Self {
            label: label_of(&id),
            id,
            family: "stable-diffusion",
            path: layout.folder.clone(),
            bytes: metadata.iter().map(std::fs::Metadata::len).sum(),
            size_multiple: layout.size_multiple() as u32,
            native_size: height.max(width) as u32,
            prediction: layout.scheduler.prediction,
            text_layers: layout.text.layers as u32,
            modified: metadata.iter().filter_map(|m| m.modified().ok()).max(),
            files,
        }
    }
}

/// A folder name as people would write it.
fn label_of(id: &str) -> String {
    let spaced = id.replace(['-', '_'], " ");
    let mut chars = spaced.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A folder that looks like a model but cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenModel {
    /// The folder.
    pub path: PathBuf,
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
    fn add(&mut self, folder: &Path) {
        match ModelLayout::read(folder) {
            Ok(layout) => {
                let model = InstalledModel::new(&layout);
                if let Some(other) = self.models.iter().find(|m| m.id == model.id) {
                    let message = format!(
                        "there is already a model `{}` at {}; rename one of the folders",
                        model.id,
                        other.path.display()
                    );
                    self.broken.push(BrokenModel { path: folder.to_path_buf(), message });
                } else {
                    self.models.push(model);
                }
            }
            Err(e) => self.broken.push(BrokenModel { path: folder.to_path_buf(), message: e.to_string() }),
        }
    }
}

/// Looks for models in folders and their sub-folders: a model is a folder with a `model_index.json`. Folders that
/// do not exist are passed over. Of two models with one name the first found counts.
pub fn scan_models(folders: &[PathBuf]) -> ModelScan {
    let mut scan = ModelScan::default();
    let mut left = MAX_FOLDERS;
    for folder in folders {
        search(folder, MAX_DEPTH, &mut left, &mut scan);
    }
    scan.models.sort_by(|a, b| a.id.cmp(&b.id));
    scan.broken.sort_by(|a, b| a.path.cmp(&b.path));
    scan
}

fn search(folder: &Path, depth: usize, left: &mut usize, scan: &mut ModelScan) {
    if *left == 0 {
        tracing::warn!(folder = %folder.display(), "too many folders, the rest is not searched");
        return;
    }
    *left -= 1;
    if folder.join("model_index.json").is_file() {
        scan.add(folder);
        return;
    }
    if depth == 0 {
        return;
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
    folders.sort();
    for folder in folders {
        search(&folder, depth - 1, left, scan);
    }
}
