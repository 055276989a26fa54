//! The Render SDXL brick: paints with the models of the SDXL family, also those that were distilled to a few steps.

use painting::{Given, HiRes, Manner, Pictures, SAMPLERS, SCHEDULES};
use qpyt_sdk::prelude::*;

/// Paints your prompt with SDXL, or repaints a picture that you link.
#[derive(Params)]
struct RenderSdxl {
    /// The model that paints.
    #[param(default = "stable-diffusion-xl-base-1.0", widget = "model", hint("x-model-family", "sdxl"))]
    model: String,
    /// How the picture comes out of the noise.
    #[param(choices = SAMPLERS)]
    sampler: String,
    /// How the steps are spread.
    #[param(choices = SCHEDULES)]
    schedule: String,
    /// How much of a linked picture may change: 0 keeps it, 1 paints anew.
    #[param(default = 0.6, min = 0, max = 1, step = 0.05)]
    strength: f64,
    /// Skip the last layers of the text encoders, besides the one that is always skipped.
    #[param(title = "CLIP skip", max = 4, min = 0)]
    clip_skip: u32,
    #[param(flatten)]
    hires: HiRes,
}

impl Brick for RenderSdxl {
    const ID: &'static str = "qpyt:render-sdxl";
    const LABEL: &'static str = "Render SDXL";
    const CATEGORY: Category = Category::Generator;
    type Inputs = Given;
    type Outputs = Pictures;

    fn run(self, inputs: Given) -> Result<Pictures> {
        let manner = Manner {
            model: &self.model,
            sampler: &self.sampler,
            schedule: &self.schedule,
            clip_skip: self.clip_skip,
        };
        painting::render(manner, self.strength, &self.hires, inputs, Vec::new())
    }
}

qpyt_sdk::export!(RenderSdxl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<RenderSdxl>(), Vec::<String>::new());
    }
}
