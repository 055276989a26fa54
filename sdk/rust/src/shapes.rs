//! The JSON shapes that bricks of different authors exchange: how pictures are to be made, and how they were made.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::JsonObject;

/// Side lengths of a picture, in pixels.
pub const SIDES: RangeInclusive<u32> = 64..=2048;
/// Sampling steps.
pub const STEPS: RangeInclusive<u32> = 1..=150;
/// Classifier-free guidance; 1 and below is off.
pub const GUIDANCE: RangeInclusive<f64> = 0.0..=30.0;
/// Pictures per run.
pub const COUNT: RangeInclusive<u32> = 1..=16;

/// How pictures are to be made: what a settings brick gives and a generator takes. What is missing is up to the
/// generator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// In pixels, within [`SIDES`].
    #[serde(default)]
    pub width: Option<u32>,
    /// In pixels, within [`SIDES`].
    #[serde(default)]
    pub height: Option<u32>,
    /// Within [`STEPS`].
    #[serde(default)]
    pub steps: Option<u32>,
    /// Within [`GUIDANCE`].
    #[serde(default)]
    pub guidance: Option<f64>,
    /// Of the first picture; each further one adds 1.
    #[serde(default)]
    pub seed: Option<u32>,
    /// Within [`COUNT`].
    #[serde(default)]
    pub count: Option<u32>,
}

impl Settings {
    /// What is out of range: the setting, and what it may be.
    pub fn problem(&self) -> Option<String> {
        outside("width", self.width, &SIDES)
            .or_else(|| outside("height", self.height, &SIDES))
            .or_else(|| outside("steps", self.steps, &STEPS))
            .or_else(|| outside("guidance", self.guidance, &GUIDANCE))
            .or_else(|| outside("count", self.count, &COUNT))
    }
}

fn outside<T>(name: &str, value: Option<T>, range: &RangeInclusive<T>) -> Option<String>
where
    T: PartialOrd + std::fmt::Display,
{
    let value = value.filter(|value| !range.contains(value))?;
    Some(format!("`{name}` is {value}; it may be {} to {}.", range.start(), range.end()))
}

/// How the pictures of one run were made: what a generator gives beside them. Output bricks take it as a
/// [`JsonObject`], so that what other generators add is kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Info {
    /// Id of the model.
    pub model: String,
    /// What was asked for.
    pub prompt: String,
    /// What was to be avoided.
    pub negative: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Sampling steps.
    pub steps: u32,
    /// Classifier-free guidance.
    pub guidance: f64,
    /// Canonical sampler id; empty: the model's own.
    pub sampler: String,
    /// Canonical schedule id; empty: the model's own.
    pub schedule: String,
    /// How much of a given picture may have changed; none when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strength: Option<f64>,
    /// Layers of the text encoder that were skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_skip: Option<u32>,
    /// LoRAs that the model was changed by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loras: Vec<Lora>,
    /// Pictures that said where things are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<Control>,
    /// Digests of pictures whose things were to be seen again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// The pass that made it larger; `width` and `height` are the size after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enlarging: Option<Enlarging>,
    /// One seed per picture, in their order.
    pub seeds: Vec<u32>,
}

/// How pictures were made larger and repainted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Enlarging {
    /// How many times as many pixels each side got, before it was fitted to what the model can paint.
    pub factor: f64,
    /// Id of the model that enlarged; empty: none, by Lanczos.
    pub upscaler: String,
    /// How much the repainting may have changed.
    pub strength: f64,
    /// Its sampling steps.
    pub steps: u32,
}

/// A LoRA and how much of it: what a LoRA brick gives and a generator takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lora {
    /// Id of the LoRA.
    pub model: String,
    /// -4..4; 0 changes nothing, 1 is what it was trained for.
    pub weight: f64,
}

/// A picture that says where things are: what a ControlNet brick gives and a generator takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Id of the ControlNet.
    pub model: String,
    /// Digest of the picture, which is in the content store.
    pub picture: String,
    /// 0..2; 1 is what it was trained for.
    pub weight: f64,
    /// 0..1: the share of the steps at which it begins to count.
    pub begin: f64,
    /// 0..1: the share of the steps at which it ends.
    pub end: f64,
}

/// What `info` says about the picture at `index`: everything, with its own `seed` in place of all `seeds`.
pub fn info_of_picture(info: &JsonObject, index: usize) -> JsonObject {
    let mut own = info.clone();
    if let Some(seeds) = own.remove("seeds")
        && let Some(seed) = seeds.get(index)
    {
        own.insert("seed".to_owned(), Value::clone(seed));
    }
    own
}
