//! The kinds of models that paint, told by their index or by the header of their one file, and what is known of one
//! before it is loaded.

use std::path::{Path, PathBuf};

use candle_core::Device;

use super::architecture::Architecture;
use super::checkpoint::{Checkpoint, Part};
use super::components::Components;
use super::flux::FluxLayout;
use super::flux2::Flux2Layout;
use super::footprint::Coding;
use super::held::Held;
use super::layout::ModelLayout;
use super::pipeline::Pipeline;
use super::samplers::Prediction;
use super::sd3::Sd3Layout;
use super::usual::Usual;
use crate::weights::{ConfigFile, Holding, Loaded};

pub use super::components::Borrowed;

/// A kind of model that paints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PainterKind {
    /// Stable Diffusion 1 and 2: a UNet steered by CLIP.
    StableDiffusion,
    /// Stable Diffusion XL: a larger UNet steered by two CLIP encoders.
    StableDiffusionXl,
    /// FLUX.1: a transformer steered by T5 and CLIP.
    Flux,
    /// FLUX.2 Klein: a transformer steered by Qwen3.
    Flux2,
    /// Stable Diffusion 3 and 3.5: a transformer steered by CLIP and T5.
    StableDiffusion3,
}

impl PainterKind {
    /// The kind that an index names; what is unknown counts as Stable Diffusion, whose reader says what it expects.
    ///
    /// # Errors
    /// The index names none.
    pub(super) fn of_index(index: &ConfigFile) -> Loaded<Self> {
        Ok(match index.required_text("_class_name")? {
            "StableDiffusionXLPipeline"
            | "StableDiffusionXLImg2ImgPipeline"
            | "StableDiffusionXLInpaintPipeline" => Self::StableDiffusionXl,
            "FluxPipeline" | "FluxImg2ImgPipeline" | "FluxInpaintPipeline" => Self::Flux,
            "Flux2KleinPipeline" | "Flux2Pipeline" => Self::Flux2,
            "StableDiffusion3Pipeline"
            | "StableDiffusion3Img2ImgPipeline"
            | "StableDiffusion3InpaintPipeline" => Self::StableDiffusion3,
            _ => Self::StableDiffusion,
        })
    }

    /// The components that such a model is made of, by the names that diffusers gives them. `open_clip` tells Stable
    /// Diffusion 2 from 1.
    pub(super) const fn components(self, open_clip: bool) -> &'static [(&'static str, Part)] {
        match self {
            Self::StableDiffusion if open_clip => {
                &[("unet", Part::Unet), ("vae", Part::Vae), ("text_encoder", Part::OpenClip)]
            }
            Self::StableDiffusion => {
                &[("unet", Part::Unet), ("vae", Part::Vae), ("text_encoder", Part::ClipL)]
            }
            Self::StableDiffusionXl => &[
                ("unet", Part::Unet),
                ("vae", Part::Vae),
                ("text_encoder", Part::ClipL),
                ("text_encoder_2", Part::ClipG),
            ],
            Self::Flux => &[
                ("transformer", Part::Transformer),
                ("vae", Part::Vae),
                ("text_encoder", Part::ClipL),
                ("text_encoder_2", Part::T5),
            ],
            Self::Flux2 => {
                &[("transformer", Part::Transformer), ("vae", Part::Vae), ("text_encoder", Part::Qwen3)]
            }
            Self::StableDiffusion3 => &[
                ("transformer", Part::Transformer),
                ("vae", Part::Vae),
                ("text_encoder", Part::ClipL),
                ("text_encoder_2", Part::ClipG),
                ("text_encoder_3", Part::T5),
            ],
        }
    }

    /// The part that a component of such a model is.
    pub(super) fn part(self, component: &str, open_clip: bool) -> Option<Part> {
        self.components(open_clip).iter().find(|(name, _)| *name == component).map(|(_, part)| *part)
    }

    /// True if such a model can do without a part.
    pub(super) const fn does_without(self, part: Part) -> bool {
        matches!((self, part), (Self::StableDiffusion3, Part::T5))
    }
}

/// A model that paints, as far as its index or the header of its file tells.
pub struct FoundPainter(Components);

impl FoundPainter {
    /// Opens a folder with a `model_index.json`, or a file of a model's makers with what it borrows from others.
    ///
    /// # Errors
    /// A file is broken, or holds no model that paints.
    pub fn open(path: &Path, borrowed: &Borrowed) -> Loaded<Self> {
        Components::open(path, borrowed).map(Self)
    }

    /// The model of an open file.
    ///
    /// # Errors
    /// It holds none, or what it borrows from is broken.
    pub fn of_file(file: Checkpoint, borrowed: &Borrowed) -> Loaded<Self> {
        Components::of_file(file, borrowed).map(Self)
    }

    /// Its kind.
    pub fn kind(&self) -> PainterKind {
        self.0.kind()
    }

    /// Reads all configurations and headers.
    ///
    /// # Errors
    /// A file is missing or broken, or parts do not fit each other.
    pub fn read(self) -> Loaded<Box<dyn PainterLayout>> {
        Ok(match self.0.kind() {
            PainterKind::StableDiffusion | PainterKind::StableDiffusionXl => {
                Box::new(ModelLayout::assemble(self.0)?)
            }
            PainterKind::Flux => Box::new(FluxLayout::assemble(self.0)?),
            PainterKind::Flux2 => Box::new(Flux2Layout::assemble(self.0)?),
            PainterKind::StableDiffusion3 => Box::new(Sd3Layout::assemble(self.0)?),
        })
    }
}

/// What guidance means to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guidance {
    /// Classifier-free: above 1 the network also follows a negative prompt, at twice the work.
    Classifier,
    /// The scale is an input of the network; there is no negative prompt.
    Embedded,
    /// Nothing: the network was distilled to need none, and what it was distilled from took the scale in.
    None,
}

/// Longest edge of a picture, whatever the model.
pub(crate) const MAX_EDGE: u32 = 4096;

/// What a request for a picture must know of the model that paints it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaintingTraits {
    /// Pictures' widths and heights must be multiples of this.
    pub size_multiple: u32,
    /// Longest width and height that it can make.
    pub max_edge: u32,
    /// Edge of the pictures that it was trained on.
    pub native_size: u32,
    /// What its network predicts.
    pub prediction: Prediction,
    /// What guidance means to it.
    pub guidance: Guidance,
    /// Steps and guidance where nobody says otherwise.
    pub usual: Usual,
    /// Layers of its text encoder; one fewer can be skipped. 1 where none can.
    pub text_layers: u32,
    /// Whether it can look at pictures besides the one that it makes.
    pub looks_at_pictures: bool,
    /// True if it only fills masked parts of pictures, because its network sees what surrounds them.
    pub only_inpaints: bool,
}

/// A model on disk: configurations and weight headers, read and checked.
pub trait PainterLayout: Send + Sync {
    /// What requests must know.
    fn traits(&self) -> PaintingTraits;

    /// Which of the published networks it is; none if it is another one.
    fn architecture(&self) -> Option<Architecture> {
        None
    }

    /// Chooses how layers hold their weights and compute, as far as the kind leaves a choice.
    fn hold(&mut self, holding: Holding);

    /// Files whose contents decide what the model computes.
    fn files(&self) -> Vec<PathBuf>;

    /// The weights, in the way that they are held.
    fn held(&self) -> Held<'_>;

    /// Memory that the weights take once loaded, with all of them on the device.
    fn weight_bytes(&self) -> u64 {
        self.held().bytes()
    }

    /// Memory that making a picture of a width and height takes besides the weights, with `batch` predictions at a
    /// time.
    fn activation_bytes(&self, size: (usize, usize), batch: usize, coding: Coding) -> u64;

    /// Loads all weights onto a device.
    ///
    /// # Errors
    /// A file is broken or a tensor is missing or misshapen.
    fn load(&self, device: &Device) -> Loaded<Box<dyn Pipeline>>;
}
