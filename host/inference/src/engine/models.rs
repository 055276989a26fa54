//! An installed model, and what it is for.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::EngineError;
use super::found::FoundModel;
use crate::diffusion::architecture::Architecture;
use crate::diffusion::painter::{Borrowed, PaintingTraits};

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Painting, in the manner of Stable Diffusion 1 and 2.
    StableDiffusion,
    /// Painting with Stable Diffusion XL.
    StableDiffusionXl,
    /// Painting with FLUX.1.
    Flux,
    /// Painting with FLUX.2.
    Flux2,
    /// Painting with Stable Diffusion 3 or 3.5.
    StableDiffusion3,
    /// Changing what a painting model paints: LoRA and its relatives.
    Lora,
    /// Standing for words that a painting model does not know: textual inversion.
    Embedding,
    /// Steering a painting model by a picture.
    ControlNet,
    /// Telling the subject of a picture from its background.
    BackgroundRemoval,
    /// Enlarging pictures.
    Upscaler,
    /// Telling how near things in a picture are.
    Depth,
    /// Saying what is to be seen.
    Captioner,
    /// Translating from one language to another.
    Translator,
    /// Answering in a conversation.
    Chat,
}

impl Family {
    /// The name that bricks and the API use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StableDiffusion => "stable-diffusion",
            Self::StableDiffusionXl => "sdxl",
            Self::Flux => "flux",
            Self::Flux2 => "flux2",
            Self::StableDiffusion3 => "sd3",
            Self::Lora => "lora",
            Self::Embedding => "embedding",
            Self::ControlNet => "controlnet",
            Self::BackgroundRemoval => "background-removal",
            Self::Upscaler => "upscaler",
            Self::Depth => "depth",
            Self::Captioner => "captioner",
            Self::Translator => "translator",
            Self::Chat => "chat",
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A model that can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct InstalledModel {
    /// Name of its folder, unique in a scan.
    pub id: String,
    /// Name to show.
    pub label: String,
    /// What it is for.
    pub family: Family,
    /// Its folder, or its file.
    pub path: PathBuf,
    /// Bytes of its files.
    pub bytes: u64,
    /// What matters of a model that paints.
    pub painting: Option<PaintingTraits>,
    /// Which of the published networks it is; of an adapter or a control, which it is made for. None where that is
    /// another one, or left open.
    pub architecture: Option<Architecture>,
    /// Where parts lie that its own file lacks.
    pub(super) borrowed: Borrowed,
    pub(super) modified: Option<SystemTime>,
    files: Vec<PathBuf>,
}

impl InstalledModel {
    /// The files whose digest identifies the model.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    pub(super) fn new(id: String, path: &Path, found: FoundModel) -> Self {
        let metadata: Vec<_> = found.files.iter().filter_map(|f| f.metadata().ok()).collect();
        Self {
            label: label_of(&id),
            id,
            family: found.family,
            path: path.to_path_buf(),
            bytes: metadata.iter().map(std::fs::Metadata::len).sum(),
            painting: found.painting,
            architecture: found.architecture,
            borrowed: found.borrowed,
            modified: metadata.iter().filter_map(|m| m.modified().ok()).max(),
            files: found.files,
        }
    }

    /// What a request for a picture must know.
    pub(super) fn painting(&self) -> Result<PaintingTraits, EngineError> {
        self.painting.ok_or_else(|| {
            let problem =
                format!("`{}` is a model of the family {}, which does not paint", self.id, self.family);
            EngineError::bad("model", problem)
        })
    }

    /// Fails if the model only fills masked parts of pictures.
    pub(super) fn must_paint_whole(&self) -> Result<(), EngineError> {
        if !self.painting()?.only_inpaints {
            return Ok(());
        }
        let problem = format!(
            "`{}` only fills masked parts of pictures; inpaint with it, or choose another model",
            self.id
        );
        Err(EngineError::bad("model", problem))
    }

    /// Fails if the model is for something else.
    pub(super) fn must_be(&self, family: Family) -> Result<(), EngineError> {
        if self.family == family { Ok(()) } else { Err(self.other_than(family)) }
    }

    fn other_than(&self, wanted: Family) -> EngineError {
        let problem = format!("`{}` is a model of the family {}, not {wanted}", self.id, self.family);
        EngineError::bad("model", problem)
    }
}

/// A folder name as people would write it.
fn label_of(id: &str) -> String {
    let spaced = id.replace(['-', '_'], " ");
    let mut chars = spaced.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
