//! The Render FLUX brick: paints with FLUX.1, schnell and dev.

use painting::{FLOW_SCHEDULES, Given, HiRes, Manner, Pictures, SAMPLERS};
use qpyt_sdk::prelude::*;

/// Paints your prompt with FLUX.1, or repaints a picture that you link.
#[derive(Params)]
struct RenderFlux {
    /// The model that paints.
    #[param(default = "flux.1-schnell", widget = "model", hint("x-model-family", "flux"))]
    model: String,
    /// How the picture comes out of the noise.
    #[param(choices = SAMPLERS)]
    sampler: String,
    /// How the steps are spread.
    #[param(choices = FLOW_SCHEDULES)]
    schedule: String,
    /// How much of a linked picture may change: 0 keeps it, 1 paints anew.
    #[param(default = 0.75, min = 0, max = 1, step = 0.05)]
    strength: f64,
    #[param(flatten)]
    hires: HiRes,
}

impl Brick for RenderFlux {
    const ID: &'static str = "qpyt:render-flux";
    const LABEL: &'static str = "Render FLUX";
    const CATEGORY: Category = Category::Generator;
    type Inputs = Given;
    type Outputs = Pictures;

    fn run(self, inputs: Given) -> Result<Pictures> {
        let manner =
            Manner { model: &self.model, sampler: &self.sampler, schedule: &self.schedule, clip_skip: 0 };
        painting::render(manner, self.strength, &self.hires, inputs, Vec::new())
    }
}

qpyt_sdk::export!(RenderFlux);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<RenderFlux>(), Vec::<String>::new());
    }
}
