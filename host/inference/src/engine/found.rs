//! What lies at a path: each file and folder is opened once, and what its header or its configurations tell decides which
//! reader gets it.

use std::path::{Path, PathBuf};

use super::models::Family;
use crate::adapter::LoraLayout;
use crate::diffusion::architecture::Architecture;
use crate::diffusion::checkpoint::Checkpoint;
use crate::diffusion::control_layout::ControlLayout;
use crate::diffusion::painter::{Borrowed, FoundPainter, PainterKind, PaintingTraits};
use crate::diffusion::spares::{Lacking, Spare};
use crate::language::chat::ChatLayout;
use crate::language::translate::TranslatorLayout;
use crate::text::InversionLayout;
use crate::upscale::UpscalerLayout;
use crate::vision::depth_anything::DepthLayout;
use crate::vision::florence2::CaptionLayout;
use crate::vision::salient::SalientLayout;
use crate::weights::{BrokenFile, Loaded, WeightFiles};

/// What a look at a path gives; of a broken model the family, where that can be told.
pub(super) type Look = Result<Option<Found>, (Option<Family>, BrokenFile)>;

/// What was found at a path.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) what: What,
    /// Parts that models may borrow.
    pub(super) spares: Vec<Spare>,
}

/// The model at a path.
#[derive(Clone)]
pub(super) enum What {
    /// A whole model.
    Model(FoundModel),
    /// A network that must borrow parts.
    Network(Lacking),
    /// Parts alone.
    Parts,
}

/// A model that can be used.
#[derive(Clone)]
pub(super) struct FoundModel {
    pub(super) family: Family,
    pub(super) files: Vec<PathBuf>,
    pub(super) painting: Option<PaintingTraits>,
    pub(super) architecture: Option<Architecture>,
    pub(super) borrowed: Borrowed,
}

/// The family of a kind of model that paints.
pub(super) fn family_of(kind: PainterKind) -> Family {
    match kind {
        PainterKind::StableDiffusion => Family::StableDiffusion,
        PainterKind::StableDiffusionXl => Family::StableDiffusionXl,
        PainterKind::Flux => Family::Flux,
        PainterKind::Flux2 => Family::Flux2,
        PainterKind::StableDiffusion3 => Family::StableDiffusion3,
    }
}

impl FoundModel {
    /// Reads a model that paints.
    pub(super) fn painter(
        painter: FoundPainter,
        borrowed: &Borrowed,
    ) -> Result<Self, (Option<Family>, BrokenFile)> {
        let family = family_of(painter.kind());
        let layout = painter.read().map_err(|broken| (Some(family), broken))?;
        Ok(Self {
            family,
            files: layout.files(),
            painting: Some(layout.traits()),
            architecture: layout.architecture(),
            borrowed: borrowed.clone(),
        })
    }
}

impl From<FoundModel> for Found {
    fn from(model: FoundModel) -> Self {
        Self { what: What::Model(model), spares: Vec::new() }
    }
}

impl Found {
    fn of<L>(family: Family, layout: Loaded<Option<L>>, files: fn(&L) -> Vec<PathBuf>) -> Look {
        Self::made_for(family, layout, files, |_| None)
    }

    /// The same for what is made for a certain network.
    fn made_for<L>(
        family: Family,
        layout: Loaded<Option<L>>,
        files: fn(&L) -> Vec<PathBuf>,
        architecture: fn(&L) -> Option<Architecture>,
    ) -> Look {
        let layout = layout.map_err(|broken| (Some(family), broken))?;
        Ok(layout.map(|layout| {
            let (files, architecture) = (files(&layout), architecture(&layout));
            let (painting, borrowed) = (None, Borrowed::new());
            FoundModel { family, files, painting, architecture, borrowed }.into()
        }))
    }

    /// Reads a folder by its configurations and headers. None if it is no model.
    pub(super) fn in_folder(folder: &Path) -> Look {
        if folder.join("model_index.json").is_file() {
            let none = Borrowed::new();
            let painter = FoundPainter::open(folder, &none)
                .map_err(|broken| (Some(Family::StableDiffusion), broken))?;
            let kind = painter.kind();
            let model = FoundModel::painter(painter, &none)?;
            let spares = Spare::in_folder(kind, model.architecture, folder);
            return Ok(Some(Self { what: What::Model(model), spares }));
        }
        let readers: [fn(&Path) -> Look; 5] = [
            |folder| Self::control(ControlLayout::read(folder)),
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
    pub(super) fn in_file(file: &Path) -> Look {
        if InversionLayout::may_be_at(file) {
            // Such endings are used for many things; what can't be read as an embedding is not one.
            return WeightFiles::file(file).map_or(Ok(None), |weights| Self::embedding(&weights));
        }
        // A file that can't be opened says nothing of what it is for.
        let weights = WeightFiles::file(file).map_err(|broken| (None, broken))?;
        let readers: [fn(&WeightFiles) -> Look; 7] = [
            |weights| Self::control(ControlLayout::recognise(weights)),
            Self::checkpoint,
            Self::chat,
            Self::adapter,
            Self::embedding,
            |weights| {
                let salient = SalientLayout::recognise(weights.clone());
                Self::of(Family::BackgroundRemoval, salient, SalientLayout::files)
            },
            |weights| {
                let upscaler = UpscalerLayout::recognise(weights.clone());
                Self::of(Family::Upscaler, upscaler, UpscalerLayout::files)
            },
        ];
        for read in readers {
            if let Some(found) = read(&weights)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn control(layout: Loaded<Option<ControlLayout>>) -> Look {
        Self::made_for(Family::ControlNet, layout, ControlLayout::files, ControlLayout::architecture)
    }

    fn adapter(weights: &WeightFiles) -> Look {
        let Some(file) = weights.only_file() else { return Ok(None) };
        let layout = LoraLayout::recognise(file);
        Self::made_for(Family::Lora, layout, LoraLayout::files, LoraLayout::architecture)
    }

    fn embedding(weights: &WeightFiles) -> Look {
        let layout = weights.only_file().and_then(InversionLayout::recognise);
        let (files, architecture) = (InversionLayout::files, InversionLayout::architecture);
        Self::made_for(Family::Embedding, Ok(layout), files, architecture)
    }

    fn chat(weights: &WeightFiles) -> Look {
        match weights.gguf_file() {
            Some(file) => Self::of(Family::Chat, ChatLayout::of_gguf(file), ChatLayout::files),
            None => Ok(None),
        }
    }

    fn checkpoint(weights: &WeightFiles) -> Look {
        let checkpoint = Checkpoint::recognise(weights).map_err(|broken| (None, broken))?;
        let Some(checkpoint) = checkpoint else { return Ok(None) };
        let spares = Spare::in_file(&checkpoint);
        let lacking = Lacking::of(&checkpoint);
        let what = match (checkpoint.kind(), lacking) {
            (_, Some(lacking)) => What::Network(lacking),
            (Some(kind), None) => {
                let none = Borrowed::new();
                let painter = FoundPainter::of_file(checkpoint, &none)
                    .map_err(|broken| (Some(family_of(kind)), broken))?;
                What::Model(FoundModel::painter(painter, &none)?)
            }
            // A file of Qwen3 can be talked to besides.
            (None, None) => match Self::chat(weights)? {
                Some(chat) => chat.what,
                None => What::Parts,
            },
        };
        Ok(Some(Self { what, spares }))
    }
}
