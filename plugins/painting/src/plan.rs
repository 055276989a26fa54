//! What one run will paint: texts, settings and parameters, checked and put together before the host is asked.

use qpyt_sdk::ai::imaging::{Sampling, TextRequest};
use qpyt_sdk::ai::models::{UsualSampling, find_model, find_usual_sampling};
use qpyt_sdk::job::{self, Level};
use qpyt_sdk::prelude::*;
use qpyt_sdk::serde_json::json;
use qpyt_sdk::shapes::{Info, Settings};

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
    /// False where guidance means nothing to the model.
    guided: bool,
}

impl Usual {
    fn of(model: &str) -> Self {
        let common = UsualSampling { steps: 25, guidance: 7.0, guided: true };
        let UsualSampling { steps, guidance, guided } = find_usual_sampling(model).unwrap_or(common);
        Self { native: native(model), steps, guidance: f64::from(guidance), guided }
    }

    /// The guidance that the model runs at, where `set` is what the person said.
    fn guidance(&self, set: Option<f64>) -> f64 {
        set.filter(|_| self.guided).unwrap_or(self.guidance)
    }
}

/// What a model says about sizes.
pub(crate) fn native(model: &str) -> Native {
    find_model(model).as_ref().map(Native::of).unwrap_or_default()
}

/// What the run will paint, all of it decided. A side that the settings leave open follows the model and `like`, the
/// size in pixels of what is there already; one that the model can't paint becomes the nearest that it can, which the
/// person is told.
pub fn info(manner: Manner<'_>, wishes: &Wishes, like: Option<(u32, u32)>) -> Result<Info> {
    let prompt = prompt(&wishes.prompt, like.is_some())?;
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
        guidance: usual.guidance(settings.guidance),
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

/// What to say of a model that works without guidance, where the settings leave it open or ask for what it can't do; none
/// of others.
fn guidance_note(settings: &Settings, usual: &Usual) -> Option<String> {
    match settings.guidance {
        None if usual.guidance <= 1.0 => Some(format!(
            "This model was made to work without guidance: it runs at {} in {} steps.{}",
            usual.guidance,
            settings.steps.unwrap_or(usual.steps),
            if usual.guided { " The settings brick can change that." } else { "" }
        )),
        Some(set) if !usual.guided && set > 1.0 => {
            Some(format!("This model was made to work without guidance; {set} is taken as 1."))
        }
        _ => None,
    }
}

/// The prompt without blank ends. It may be empty where a picture says what to paint.
fn prompt(prompt: &str, begins_with_picture: bool) -> Result<String> {
    match prompt.trim() {
        "" if !begins_with_picture => {
            Err(BrickError::bad_input("prompt", "Write what you would like to see in the prompt brick."))
        }
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

    fn usual(guidance: f64, guided: bool) -> Usual {
        Usual { native: Native::default(), steps: 4, guidance, guided }
    }

    fn set(guidance: f64) -> Settings {
        Settings { guidance: Some(guidance), ..Settings::default() }
    }

    #[test]
    fn that_a_model_runs_without_guidance_is_said_while_the_person_left_it_open() {
        let said = guidance_note(&Settings::default(), &usual(1.0, true)).unwrap();
        assert!(said.contains("at 1 in 4 steps. The settings brick"), "{said}");
        let fixed = guidance_note(&Settings::default(), &usual(1.0, false)).unwrap();
        assert!(fixed.ends_with("at 1 in 4 steps."), "what can't be changed is not offered: {fixed}");
        assert_eq!(guidance_note(&Settings::default(), &usual(7.0, true)), None);
        assert_eq!(guidance_note(&set(3.0), &usual(1.0, true)), None);
    }

    #[test]
    fn guidance_is_what_the_person_set_unless_it_means_nothing_to_the_model() {
        assert_eq!(usual(1.0, true).guidance(Some(3.0)), 3.0);
        assert_eq!(usual(4.5, true).guidance(None), 4.5);
        assert_eq!(usual(1.0, false).guidance(Some(3.0)), 1.0);
        let said = guidance_note(&set(3.0), &usual(1.0, false)).unwrap();
        assert!(said.contains("3 is taken as 1"), "{said}");
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
    fn an_empty_prompt_is_answered_with_what_to_do_unless_there_is_a_picture_to_begin_with() {
        assert!(problem_with("prompt", prompt(" \n", false).unwrap_err()).contains("prompt brick"));
        assert_eq!(prompt(" \n", true).unwrap(), "");
        assert_eq!(prompt(" a fox ", false).unwrap(), "a fox");
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
