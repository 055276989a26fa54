//! What to paint, and with what help.

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift};

use crate::media::Image;

/// How latents are sampled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ComponentType, Lift)]
#[component(record)]
pub struct Sampling {
    /// Number of steps.
    pub steps: u32,
    /// Classifier-free guidance scale; 1 and below is off.
    pub guidance: f32,
    /// Canonical sampler id; none: what the model names.
    pub sampler: Option<String>,
    /// Canonical schedule id; none: what the model names.
    pub schedule: Option<String>,
    /// Seed of the start noise.
    pub seed: u64,
}

/// What to paint. The numbers are the brick's: the implementation checks their ranges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ComponentType, Lift)]
#[component(record)]
pub struct TextRequest {
    /// Id of an installed model.
    pub model: String,
    /// What should be seen.
    pub prompt: String,
    /// What should not be seen.
    pub negative: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// How latents are sampled.
    pub sampling: Sampling,
    /// Further options as a JSON object.
    pub extra: Option<String>,
}

/// What to paint, what to begin with and what steers it.
#[derive(Debug, Clone, PartialEq)]
pub struct Painting {
    /// Words, size and sampling.
    pub request: TextRequest,
    /// What to begin with.
    pub start: Start,
    /// What steers it besides its words.
    pub guides: Guides,
}

impl From<TextRequest> for Painting {
    /// From noise, by words alone.
    fn from(request: TextRequest) -> Self {
        Self { request, start: Start::Noise, guides: Guides::default() }
    }
}

/// What a painting begins with. Pictures and masks are scaled to the requested size.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// Nothing but noise.
    Noise,
    /// A picture.
    Repainting {
        /// The picture.
        source: Image,
        /// How much of it may change, 0..1.
        strength: f32,
    },
    /// A picture of which a part is made anew.
    Inpainting {
        /// The picture.
        source: Image,
        /// White is made anew, black stays.
        mask: Image,
        /// How much of the part may change, 0..1.
        strength: f32,
    },
}

/// What steers a painting besides its words.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Guides {
    /// Changes of the model's weights.
    pub adapters: Vec<Adapter>,
    /// Pictures that say where things are.
    pub controls: Vec<Control>,
    /// Pictures whose things are to be seen again.
    pub references: Vec<Image>,
}

/// A change of the model's weights that stays for one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ComponentType, Lift)]
#[component(record)]
pub struct Adapter {
    /// Id of an installed model of the family `lora`.
    pub model: String,
    /// 0 changes nothing, 1 is what it was trained for.
    pub weight: f32,
}

/// A picture that says where things are.
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    /// Id of an installed model of the family `controlnet`.
    pub model: String,
    /// Scaled to the requested size.
    pub picture: Image,
    /// 1 is what it was trained for.
    pub weight: f32,
    /// The share of the steps at which it begins to count, 0..1.
    pub begin: f32,
    /// The share of the steps at which it ends, 0..1.
    pub end: f32,
}
