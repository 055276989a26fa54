//! The render brick: paints pictures from a text, or repaints one, with a model on the host.

mod plan;
mod sampling;
mod size;

use qpyt_sdk::ai::imaging::{image_to_image, text_to_image};
use qpyt_sdk::ai::models::find_model;
use qpyt_sdk::job::{self, JobError};
use qpyt_sdk::prelude::*;
use qpyt_sdk::shapes::{Info, Settings};
use size::Native;

/// Paints your prompt, or repaints a picture that you link.
#[derive(Params)]
struct Render {
    /// The model that paints.
    #[param(default = "emoji", widget = "model", hint("x-model-family", "stable-diffusion"))]
    model: String,
    /// How the picture comes out of the noise.
    #[param(choices = sampling::SAMPLERS)]
    sampler: String,
    /// How the steps are spread.
    #[param(choices = sampling::SCHEDULES)]
    schedule: String,
    /// How much of a linked picture may change: 0 keeps it, 1 paints anew.
    #[param(default = 0.6, min = 0, max = 1, step = 0.05)]
    strength: f64,
    /// Skip the last layers of the text encoder. Some models were made for 1 or 2.
    #[param(title = "CLIP skip", max = 4, min = 0)]
    clip_skip: u32,
}

#[derive(Inputs)]
struct Wishes {
    /// What to paint.
    prompt: String,
    /// What to avoid.
    #[port(label = "Negative prompt")]
    negative: Option<String>,
    /// Size, steps, guidance, seed and count.
    settings: Option<Json<Settings>>,
    /// A picture to start from.
    image: Option<Image>,
}

#[derive(Outputs)]
struct Pictures {
    /// What was painted.
    #[port(label = "Images", required)]
    image: Vec<Image>,
    /// How it was made.
    info: Json<Info>,
}

impl Brick for Render {
    const ID: &'static str = "qpyt:render";
    const LABEL: &'static str = "Render";
    const CATEGORY: Category = Category::Generator;
    type Inputs = Wishes;
    type Outputs = Pictures;

    fn run(self, inputs: Wishes) -> Result<Pictures> {
        let info = self.info(&inputs.prompt, inputs.negative, inputs.settings, inputs.image.as_ref())?;
        let mut pictures = Vec::with_capacity(info.seeds.len());
        for (index, seed) in info.seeds.iter().enumerate() {
            announce(index, info.seeds.len())?;
            let request = plan::request(&info, *seed);
            let picture = match &inputs.image {
                Some(source) => image_to_image(&request, source, self.strength as f32),
                None => text_to_image(&request),
            };
            pictures.push(picture.map_err(not_painted)?);
        }
        Ok(Pictures { image: pictures, info: Json(info) })
    }
}

impl Render {
    /// What the run will paint, all of it decided.
    fn info(
        &self,
        prompt: &str,
        negative: Option<String>,
        settings: Option<Json<Settings>>,
        source: Option<&Image>,
    ) -> Result<Info> {
        let prompt = plan::prompt(prompt)?;
        let settings = plan::settings(settings)?;
        let (width, height) = self.size(&settings, source);
        let (steps, guidance) = plan::quality(&settings);
        Ok(Info {
            model: self.model.clone(),
            prompt,
            negative: negative.unwrap_or_default().trim().to_owned(),
            width,
            height,
            steps,
            guidance,
            sampler: self.sampler.clone(),
            schedule: self.schedule.clone(),
            strength: source.map(|_| self.strength),
            clip_skip: Some(self.clip_skip).filter(|layers| *layers > 0),
            seeds: plan::seeds(settings.seed.unwrap_or_else(|| job::seed() as u32), settings.count),
        })
    }

    /// The size that was set; what was left open follows the model and the picture to start from.
    fn size(&self, settings: &Settings, source: Option<&Image>) -> (u32, u32) {
        if let (Some(width), Some(height)) = (settings.width, settings.height) {
            return (width, height);
        }
        let source = source.map(Image::info).map(|info| (info.width, info.height));
        let (width, height) = size::like(source, native(&self.model));
        (settings.width.unwrap_or(width), settings.height.unwrap_or(height))
    }
}

/// What the model says about sizes.
fn native(model: &str) -> Native {
    find_model(model)
        .map(|found| Native { side: found.native_size, multiple: found.size_multiple })
        .unwrap_or_default()
}

/// Says which picture comes next, and stops if the person stopped the job.
fn announce(index: usize, count: usize) -> Result<()> {
    job::progress(index as f32 / count as f32, &format!("Picture {} of {count}", index + 1))
}

/// A missing model is a matter of the parameter; the rest is the host's.
fn not_painted(error: JobError) -> BrickError {
    match error {
        JobError::ModelMissing(model) => BrickError::bad_param(
            "model",
            format!("The model `{model}` is not installed. Choose another one, or install it first."),
        ),
        other => other.into(),
    }
}

qpyt_sdk::export!(Render);

#[cfg(test)]
mod tests {
    use super::*;
    use qpyt_sdk::serde_json::{self, Value, json};

    const ALL_SET: Settings = Settings {
        width: Some(640),
        height: Some(448),
        steps: Some(8),
        guidance: Some(1.0),
        seed: Some(u32::MAX),
        count: Some(2),
    };

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Render>(), Vec::<String>::new());
    }

    #[test]
    fn what_the_run_paints_is_told_in_full() {
        let render = Render { clip_skip: 1, sampler: "ddim".to_owned(), ..Render::defaults().unwrap() };
        let info = render.info(" a fox ", Some(" blur".to_owned()), Some(Json(ALL_SET)), None).unwrap();
        let expected = json!({
            "model": "emoji", "prompt": "a fox", "negative": "blur", "width": 640, "height": 448, "steps": 8,
            "guidance": 1.0, "sampler": "ddim", "schedule": "", "clip_skip": 1, "seeds": [4_294_967_295_u32, 0],
        });
        assert_eq!(serde_json::to_value(info).unwrap(), expected);
    }

    #[test]
    fn the_prompt_is_looked_at_before_the_settings() {
        let settings = Some(Json(Settings { steps: Some(0), ..ALL_SET }));
        let error = Render::defaults().unwrap().info("", None, settings, None).unwrap_err();
        assert!(matches!(error, BrickError::BadInput(problem) if problem.name == "prompt"));
    }

    #[test]
    fn a_missing_model_is_a_matter_of_the_parameter() {
        let error = not_painted(JobError::ModelMissing("sdxl".to_owned()));
        assert!(
            matches!(&error, BrickError::BadParam(problem) if problem.name == "model" && problem.problem.contains("`sdxl`")),
            "{error:?}"
        );
        assert!(matches!(not_painted(JobError::Cancelled), BrickError::Cancelled));
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
