//! The kinds of models that paint, told by their `model_index.json`, and what is known of one before it is loaded.

use std::path::{Path, PathBuf};

use candle_core::Device;

use super::architecture::Architecture;
use super::flux::FluxLayout;
use super::flux2::Flux2Layout;
use super::layout::ModelLayout;
use super::pipeline::Pipeline;
use super::samplers::Prediction;
use super::sd3::Sd3Layout;
use crate::weights::{ConfigFile, Loaded};

/// A kind of model that paints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// The kind of a folder with a `model_index.json`; what is unknown counts as Stable Diffusion, whose reader says
    /// what it expects.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn of_folder(folder: &Path) -> Loaded<Self> {
        let index = ConfigFile::read(&folder.join("model_index.json"))?;
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

    /// Reads a folder as this kind.
    ///
    /// # Errors
    /// A file is missing or broken, or parts do not fit each other.
    pub fn read(self, folder: &Path) -> Loaded<Box<dyn PainterLayout>> {
        Ok(match self {
            Self::StableDiffusion | Self::StableDiffusionXl => Box::new(ModelLayout::read(folder)?),
            Self::Flux => Box::new(FluxLayout::read(folder)?),
            Self::Flux2 => Box::new(Flux2Layout::read(folder)?),
            Self::StableDiffusion3 => Box::new(Sd3Layout::read(folder)?),
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
    /// The network was distilled to need none.
    None,
}

/// Longest edge of a picture, whatever the model.
pub(crate) const MAX_EDGE: u32 = 4096;

/// What a request for a picture must know of the model that paints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    /// Files whose contents decide what the model computes.
    fn files(&self) -> Vec<PathBuf>;

    /// Memory that the weights take once loaded.
    fn weight_bytes(&self) -> u64;

    /// Memory that making a picture of a width and height takes besides the weights, with `batch` predictions at a
    /// time.
    fn activation_bytes(&self, size: (usize, usize), batch: usize) -> u64;

    /// Loads all weights onto a device.
    ///
    /// # Errors
    /// A file is broken or a tensor is missing or misshapen.
    fn load(&self, device: &Device) -> Loaded<Box<dyn Pipeline>>;
}
