//! What one run will paint: texts, settings and parameters, checked and put together before the host is asked.

use qpyt_sdk::ai::imaging::{Sampling, TextRequest};
use qpyt_sdk::ai::models::find_model;
use qpyt_sdk::job::{self, Level};
use qpyt_sdk::prelude::*;
use qpyt_sdk::serde_json::json;
use qpyt_sdk::shapes::{Info, STEPS, Settings};

use crate::Wishes;
use crate::size::{self, Native};

/// What a brick's parameters say of how it paints.
#[derive(Debug, Clone, Copy)]
pub struct Manner<'a> {
    /// Id of the model.
    pub model: &'a str,
    /// Id of the sampler; empty: the model's own.
    pub sampler: &'a str,
    /// Id of the schedule; empty: the model's own.
    pub schedule: &'a str,
    /// Layers of the text encoder to skip.
    pub clip_skip: u32,
}

/// The families of models that paint.
pub const PAINTERS: &str = "stable-diffusion,sdxl,sd3,flux,flux2";

/// What a model likes where nobody said anything else.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Usual {
    native: Native,
    steps: u32,
    guidance: f64,
}

impl Usual {
    fn of(model: &str) -> Self {
        let found = find_model(model);
        let native = found.as_ref().map(Native::of);
        let family = found.as_ref().map_or("", |it| it.family.as_str());
        let (steps, guidance) = quality(family, model);
        Self { native: native.unwrap_or_default(), steps, guidance }
    }
}

/// What a model says about sizes.
pub(crate) fn native(model: &str) -> Native {
    find_model(model).as_ref().map(Native::of).unwrap_or_default()
}

/// What the names of models say that were distilled to work in few steps and without guidance.
const DISTILLED: [&str; 6] = ["lightning", "turbo", "lcm", "hyper", "dmd", "schnell"];

/// Steps and guidance by which the makers of a family show it. Models that were distilled say so in their names.
fn quality(family: &str, model: &str) -> (u32, f64) {
    let model = model.to_ascii_lowercase();
    let named = |part: &str| model.contains(part);
    let distilled = DISTILLED.into_iter().any(named);
    match family {
        "flux2" if named("base") => (50, 4.0),
        "flux2" => (4, 1.0),
        "flux" if distilled => (4, 1.0),
        "sd3" if distilled => (4, 1.0),
        "sdxl" | "stable-diffusion" if distilled => (steps_in(&model).unwrap_or(4), 1.0),
        "flux" => (28, 3.5),
        "sd3" => (28, 4.5),
        "sdxl" => (30, 6.0),
        _ => (25, 7.0),
    }
}

/// The steps that a name says a model was distilled to, as in `sdxl-lightning-8step`.
fn steps_in(model: &str) -> Option<u32> {
    let (before, _) = model.split_once("step")?;
    let digits = before.trim_end_matches(['-', '_', ' ']);
    let number = digits.rsplit(|letter: char| !letter.is_ascii_digit()).next()?;
    number.parse().ok().filter(|steps| STEPS.contains(steps))
}

/// What the run will paint, all of it decided. A side that the settings leave open follows the model and `like`, the
/// size in pixels of what is there already; one that the model can't paint becomes the nearest that it can, which the
/// person is told.
pub fn info(manner: Manner<'_>, wishes: &Wishes, like: Option<(u32, u32)>) -> Result<Info> {
    let prompt = prompt(&wishes.prompt)?;
    let settings = checked(&wishes.settings)?;
    let usual = Usual::of(manner.model);
    let set = (settings.width, settings.height);
    let (width, height) = size::sides(set, like, usual.native);
    let notes = [size::note(set, (width, height), usual.native), guidance_note(settings, &usual)];
    for note in notes.into_iter().flatten() {
        job::log(Level::Warn, &note);
    }
    Ok(Info {
        model: manner.model.to_owned(),
        prompt,
        negative: wishes.negative.trim().to_owned(),
        width,
        height,
        steps: settings.steps.unwrap_or(usual.steps),
        guidance: settings.guidance.unwrap_or(usual.guidance),
        sampler: manner.sampler.to_owned(),
        schedule: manner.schedule.to_owned(),
        strength: None,
        clip_skip: Some(manner.clip_skip).filter(|layers| *layers > 0),
        loras: wishes.guided.loras.clone(),
        controls: wishes.guided.controls.clone(),
        references: wishes.guided.references.iter().map(|picture| picture.info().digest).collect(),
        enlarging: None,
        seeds: seeds(settings.seed.unwrap_or_else(|| job::seed() as u32), settings.count),
    })
}

/// What to say of a model that was distilled and whose guidance is left open; none of others.
fn guidance_note(settings: &Settings, usual: &Usual) -> Option<String> {
    if settings.guidance.is_some() || usual.guidance > 1.0 {
        return None;
    }
    Some(format!(
        "This model was made to work without guidance: it runs at {} in {} steps. The settings brick can change that.",
        usual.guidance,
        settings.steps.unwrap_or(usual.steps)
    ))
}

/// The prompt without blank ends, if there is one.
fn prompt(prompt: &str) -> Result<String> {
    match prompt.trim() {
        "" => Err(BrickError::bad_input("prompt", "Write what you would like to see in the prompt brick.")),
        words => Ok(words.to_owned()),
    }
}

/// The settings, if they are within bounds.
fn checked(settings: &Settings) -> Result<&Settings> {
    match settings.problem() {
        Some(problem) => Err(BrickError::bad_input("settings", problem)),
        None => Ok(settings),
    }
}

/// The seed of each picture: one after the other, starting over after the greatest.
fn seeds(first: u32, count: Option<u32>) -> Vec<u32> {
    (0..count.unwrap_or(1)).map(|index| first.wrapping_add(index)).collect()
}

/// The request for one of the pictures.
pub fn request(info: &Info, seed: u32) -> TextRequest {
    TextRequest {
        model: info.model.clone(),
        prompt: info.prompt.clone(),
        negative: info.negative.clone(),
        width: info.width,
        height: info.height,
        sampling: Sampling {
            steps: info.steps,
            guidance: info.guidance as f32,
            sampler: named(&info.sampler),
            schedule: named(&info.schedule),
            seed: u64::from(seed),
        },
        extra: info.clip_skip.map(|layers| json!({ "clip_skip": layers }).to_string()),
    }
}

/// An id, or none where it is left to the model.
fn named(id: &str) -> Option<String> {
    Some(id).filter(|id| !id.is_empty()).map(str::to_owned)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn models_that_were_distilled_get_few_steps_and_no_guidance() {
        assert_eq!(quality("flux", "flux1-schnell"), (4, 1.0));
        assert_eq!(quality("flux", "FLUX.1-dev"), (28, 3.5));
        assert_eq!(quality("sdxl", "SDXL-Lightning-4step"), (4, 1.0));
        assert_eq!(quality("sdxl", "sdxl_lightning_8step_unet"), (8, 1.0));
        assert_eq!(quality("sdxl", "sdxl-turbo"), (4, 1.0));
        assert_eq!(quality("stable-diffusion", "dreamshaper-lcm"), (4, 1.0));
        assert_eq!(quality("sd3", "sd3.5-large-turbo"), (4, 1.0));
        assert_eq!(quality("sdxl", "step-by-step-turbo"), (4, 1.0));
        assert_eq!(quality("flux2", "flux2-klein-base-4b"), (50, 4.0));
        assert_eq!(quality("stable-diffusion", "emoji"), (25, 7.0));
    }

    #[test]
    fn that_a_model_runs_without_guidance_is_said_while_the_person_left_it_open() {
        let usual = |guidance| Usual { native: Native::default(), steps: 4, guidance };
        let open = Settings::default();
        let said = guidance_note(&open, &usual(1.0)).unwrap();
        assert!(said.contains("at 1 in 4 steps"), "{said}");
        assert_eq!(guidance_note(&open, &usual(7.0)), None);
        let set = Settings { guidance: Some(3.0), ..Settings::default() };
        assert_eq!(guidance_note(&set, &usual(1.0)), None);
    }

    pub(crate) fn info() -> Info {
        Info {
            model: "emoji".to_owned(),
            prompt: "a fox".to_owned(),
            negative: "blur".to_owned(),
            width: 512,
            height: 768,
            steps: 4,
            guidance: 1.5,
            sampler: String::new(),
            schedule: String::new(),
            strength: None,
            clip_skip: None,
            loras: Vec::new(),
            controls: Vec::new(),
            references: Vec::new(),
            enlarging: None,
            seeds: vec![7],
        }
    }

    fn problem_with(port: &str, error: BrickError) -> String {
        match error {
            BrickError::BadInput(problem) if problem.name == port => problem.problem,
            other => panic!("not a problem with the input `{port}`: {other:?}"),
        }
    }

    #[test]
    fn an_empty_prompt_is_answered_with_what_to_do() {
        assert!(problem_with("prompt", prompt(" \n").unwrap_err()).contains("prompt brick"));
        assert_eq!(prompt(" a fox ").unwrap(), "a fox");
    }

    #[test]
    fn settings_out_of_bounds_are_named_with_their_bounds() {
        let cases = [
            (Settings { width: Some(32), ..Settings::default() }, "`width` is 32; it may be 64 to 2048."),
            (
                Settings { height: Some(4096), ..Settings::default() },
                "`height` is 4096; it may be 64 to 2048.",
            ),
            (Settings { steps: Some(0), ..Settings::default() }, "`steps` is 0; it may be 1 to 150."),
            (
                Settings { guidance: Some(31.5), ..Settings::default() },
                "`guidance` is 31.5; it may be 0 to 30.",
            ),
            (
                Settings { guidance: Some(f64::NAN), ..Settings::default() },
                "`guidance` is NaN; it may be 0 to 30.",
            ),
            (Settings { count: Some(17), ..Settings::default() }, "`count` is 17; it may be 1 to 16."),
        ];
        for (given, expected) in cases {
            assert_eq!(problem_with("settings", checked(&given).unwrap_err()), expected);
        }
    }

    #[test]
    fn seeds_count_up_and_start_over_after_the_greatest() {
        assert_eq!(seeds(7, None), [7]);
        assert_eq!(seeds(u32::MAX - 1, Some(3)), [u32::MAX - 1, u32::MAX, 0]);
    }

    #[test]
    fn a_request_leaves_sampler_schedule_and_extras_to_the_model() {
        let request = request(&info(), 7);
        assert_eq!(
            (request.model.as_str(), request.prompt.as_str(), request.negative.as_str()),
            ("emoji", "a fox", "blur")
        );
        assert_eq!((request.width, request.height), (512, 768));
        assert_eq!((request.sampling.steps, request.sampling.guidance, request.sampling.seed), (4, 1.5, 7));
        assert_eq!((request.sampling.sampler, request.sampling.schedule, request.extra), (None, None, None));
    }

    #[test]
    fn what_the_person_chose_is_in_the_request() {
        let chosen =
            Info { sampler: "euler".to_owned(), schedule: "karras".to_owned(), clip_skip: Some(2), ..info() };
        let request = request(&chosen, 7);
        assert_eq!(request.sampling.sampler.as_deref(), Some("euler"));
        assert_eq!(request.sampling.schedule.as_deref(), Some("karras"));
        assert_eq!(request.extra.as_deref(), Some(r#"{"clip_skip":2}"#));
    }
}
