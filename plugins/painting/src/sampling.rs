//! The samplers and schedules that the person can choose from, and the parameters that bricks for all families share. The
//! ids are those of the inference engine; empty leaves the choice to the model.

use qpyt_sdk::prelude::*;

use crate::Manner;

/// Ids and labels of the samplers, in the order they are shown.
pub const SAMPLERS: [(&str, &str); 14] = [
    ("", "Model's own"),
    ("ddim", "DDIM"),
    ("euler", "Euler"),
    ("euler-ancestral", "Euler a"),
    ("heun", "Heun"),
    ("lms", "LMS"),
    ("dpm2", "DPM2"),
    ("dpm2-ancestral", "DPM2 a"),
    ("dpmpp-2m", "DPM++ 2M"),
    ("dpmpp-2m-sde", "DPM++ 2M SDE"),
    ("dpmpp-sde", "DPM++ SDE"),
    ("unipc", "UniPC"),
    ("lcm", "LCM"),
    ("pndm", "PNDM"),
];

/// Ids and labels of the schedules, in the order they are shown.
pub const SCHEDULES: [(&str, &str); 10] = [
    ("", "Model's own"),
    ("normal", "Normal"),
    ("leading", "Leading"),
    ("trailing", "Trailing"),
    ("linspace", "Linspace"),
    ("karras", "Karras"),
    ("exponential", "Exponential"),
    ("sgm-uniform", "SGM Uniform"),
    ("simple", "Simple"),
    ("beta", "Beta"),
];

/// Ids and labels of the schedules of models that follow a flow.
pub const FLOW_SCHEDULES: [(&str, &str); 7] = [
    ("", "Model's own"),
    ("normal", "Normal"),
    ("karras", "Karras"),
    ("exponential", "Exponential"),
    ("sgm-uniform", "SGM Uniform"),
    ("simple", "Simple"),
    ("beta", "Beta"),
];

/// How a model of any family paints.
#[derive(Debug, Clone, Params)]
pub struct Sampling {
    /// How the picture comes out of the noise.
    #[param(choices = SAMPLERS)]
    sampler: String,
    /// How the steps are spread.
    #[param(choices = SCHEDULES)]
    schedule: String,
    /// Skip the last layers of the text encoder, for models that were made so. Where other programs say 2, say 1 here.
    #[param(title = "CLIP skip", max = 4, min = 0)]
    clip_skip: u32,
}

impl Sampling {
    /// How a model is to paint by these.
    pub fn manner<'a>(&'a self, model: &'a str) -> Manner<'a> {
        Manner { model, sampler: &self.sampler, schedule: &self.schedule, clip_skip: self.clip_skip }
    }
}
