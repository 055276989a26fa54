//! Parts that one model's file lacks and another has: files of networks alone are usual for the large families, and
//! their text encoders and autoencoders are shared by many.

use std::path::{Path, PathBuf};

use super::architecture::Architecture;
use super::checkpoint::{Checkpoint, Part};
use super::painter::{Borrowed, PainterKind};

/// A part that models may borrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spare {
    part: Part,
    /// Width of a text encoder's states, or channels of an autoencoder's latents; none where only the owner's kind
    /// tells.
    width: Option<usize>,
    /// The kind of model that it belongs to; none for files of parts alone.
    owner: Option<PainterKind>,
    path: PathBuf,
}

/// A part that a model's file lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    component: &'static str,
    part: Part,
    /// The width that the network takes, where its tensors tell.
    width: Option<usize>,
    /// The model can do without it.
    spared: bool,
}

/// A part that nothing has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// The part.
    pub part: Part,
    /// Width of its states, or channels of its latents, where the network's tensors tell.
    pub width: Option<usize>,
}

/// A network that lacks parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// The kind of model.
    pub kind: PainterKind,
    lacks: Vec<Lack>,
}

impl Spare {
    /// The parts in an open file.
    pub fn in_file(file: &Checkpoint) -> Vec<Self> {
        let part = |part: Part| Self {
            part,
            width: file.width(part),
            owner: file.kind(),
            path: file.path().to_path_buf(),
        };
        file.parts().filter(|part| !part.is_network()).map(part).collect()
    }

    /// The parts of a model in a folder, which is of an architecture.
    pub fn in_folder(kind: PainterKind, architecture: Option<Architecture>, path: &Path) -> Vec<Self> {
        let open_clip = architecture == Some(Architecture::StableDiffusion2);
        let parts = kind.components(open_clip).iter().map(|(_, part)| *part);
        let parts = parts.filter(|part| !part.is_network());
        parts.map(|part| Self { part, width: None, owner: Some(kind), path: path.to_path_buf() }).collect()
    }

    fn fits(&self, lack: &Lack, kind: PainterKind) -> bool {
        let width = match (self.width, lack.width) {
            (Some(own), Some(wanted)) => own == wanted,
            _ => true,
        };
        let owner = match self.owner {
            Some(owner) => owner == kind,
            None => self.part != Part::Vae || self.scales_for(kind),
        };
        self.part == lack.part && width && owner
    }

    /// True if a file of an autoencoder alone is not named after another kind of model. How its latents are scaled
    /// stands nowhere else.
    fn scales_for(&self, kind: PainterKind) -> bool {
        let name =
            self.path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        match kind {
            PainterKind::StableDiffusion => !name.contains("xl"),
            PainterKind::StableDiffusionXl => name.contains("xl"),
            PainterKind::StableDiffusion3 => !name.contains("flux") && !name.starts_with("ae."),
            PainterKind::Flux => !name.contains("sd3"),
            PainterKind::Flux2 => true,
        }
    }
}

impl Lacking {
    /// What an open file's model lacks; none if it is whole or no model.
    pub fn of(file: &Checkpoint) -> Option<Self> {
        let kind = file.kind()?;
        let components = kind.components(file.nature().open_clip).iter();
        let missing = components.filter(|(_, part)| !file.holds(*part));
        let lacks: Vec<_> = missing
            .map(|&(component, part)| Lack {
                component,
                part,
                width: file.taken_width(part),
                spared: kind.does_without(part),
            })
            .collect();
        (!lacks.is_empty()).then_some(Self { kind, lacks })
    }

    /// Chooses spares for all that is lacking, files of parts before models of the same kind.
    ///
    /// # Errors
    /// What there are no spares for.
    pub fn borrow(&self, spares: &[Spare]) -> Result<Borrowed, Vec<Missing>> {
        let mut borrowed = Borrowed::new();
        let mut missing = Vec::new();
        for lack in &self.lacks {
            let fitting = || spares.iter().filter(|spare| spare.fits(lack, self.kind));
            match fitting().find(|spare| spare.owner.is_none()).or_else(|| fitting().next()) {
                Some(spare) => {
                    borrowed.insert(lack.component, spare.path.clone());
                }
                None if lack.spared => {}
                None => missing.push(Missing { part: lack.part, width: lack.width }),
            }
        }
        if missing.is_empty() { Ok(borrowed) } else { Err(missing) }
    }
}
