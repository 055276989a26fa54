//! How to look at a picture, and how to enlarge one.

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift};

/// How much to say about a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift)]
#[serde(rename_all = "lowercase")]
#[component(enum)]
#[repr(u8)]
pub enum Detail {
    /// One sentence.
    #[component(name = "sentence")]
    Sentence,
    /// A few sentences.
    #[component(name = "sentences")]
    Sentences,
    /// All of it.
    #[component(name = "paragraph")]
    Paragraph,
    /// Words and short phrases, separated by commas.
    #[component(name = "tags")]
    Tags,
}

/// How to enlarge a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Upscaling {
    /// Times as many pixels per side.
    pub factor: f32,
    /// Side of the pieces that the work is cut into, in pixels.
    pub tile: Option<u32>,
}

impl Upscaling {
    /// The size, in pixels, that a picture of `width`×`height` gets.
    pub fn size_of(self, width: u32, height: u32) -> (u32, u32) {
        let side = |side: u32| (f64::from(side) * f64::from(self.factor)).round().max(1.0) as u32;
        (side(width), side(height))
    }
}
