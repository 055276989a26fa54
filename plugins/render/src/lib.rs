//! The render brick: paints pictures from a text, or repaints one, with a model on the host.

use painting::{Given, HiRes, Manner, Pictures, SAMPLERS, SCHEDULES};
use qpyt_sdk::prelude::*;

/// Paints your prompt, or repaints a picture that you link.
#[derive(Params)]
struct Render {
    /// The model that paints.
    #[param(default = "emoji", widget = "model", hint("x-model-family", "stable-diffusion"))]
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
    /// Skip the last layers of the text encoder, for models that were made so. Where other programs say 2, say 1 here.
    #[param(title = "CLIP skip", max = 4, min = 0)]
    clip_skip: u32,
    #[param(flatten)]
    hires: HiRes,
}

impl Brick for Render {
    const ID: &'static str = "qpyt:render";
    const LABEL: &'static str = "Render";
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

qpyt_sdk::export!(Render);

#[cfg(test)]
mod tests {
    use super::*;
    use qpyt_sdk::serde_json::{self, Value};

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Render>(), Vec::<String>::new());
    }

    #[test]
    fn samplers_have_a_label_each_and_leave_the_choice_to_the_model_at_first() {
        let schema: Value = serde_json::from_str(&Render::schema().to_json()).unwrap();
        for name in ["sampler", "schedule"] {
            let property = &schema["properties"][name];
            assert_eq!(property["default"], "");
            assert_eq!(property["enum"][0], "");
            assert_eq!(
                property["enum"].as_array().unwrap().len(),
                property["x-labels"].as_array().unwrap().len()
            );
        }
        assert_eq!(schema["properties"]["model"]["x-model-family"], "stable-diffusion");
    }
}
