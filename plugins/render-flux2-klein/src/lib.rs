//! The Render FLUX.2 Klein brick: paints with FLUX.2 Klein, distilled and base, also with things from other pictures.

use painting::{FLOW_SCHEDULES, Given, HiRes, Manner, Pictures, SAMPLERS};
use qpyt_sdk::prelude::*;

/// Paints your prompt with FLUX.2 Klein, or repaints a picture that you link.
#[derive(Params)]
struct RenderKlein {
    /// The model that paints.
    #[param(default = "flux.2-klein-4b", widget = "model", hint("x-model-family", "flux2"))]
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

#[derive(Inputs)]
struct Shown {
    #[port(flatten)]
    given: Given,
    /// Pictures whose things are to be seen again, such as a face, a dress or a place.
    references: Vec<Image>,
}

impl Brick for RenderKlein {
    const ID: &'static str = "qpyt:render-flux2-klein";
    const LABEL: &'static str = "Render FLUX.2 Klein";
    const CATEGORY: Category = Category::Generator;
    type Inputs = Shown;
    type Outputs = Pictures;

    fn run(self, inputs: Shown) -> Result<Pictures> {
        let manner =
            Manner { model: &self.model, sampler: &self.sampler, schedule: &self.schedule, clip_skip: 0 };
        painting::render(manner, self.strength, &self.hires, inputs.given, inputs.references)
    }
}

qpyt_sdk::export!(RenderKlein);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<RenderKlein>(), Vec::<String>::new());
    }
}
