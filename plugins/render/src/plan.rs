//! What one run will paint: texts, settings and parameters, checked and put together before the host is asked.

use qpyt_sdk::ai::imaging::{Sampling, TextRequest};
use qpyt_sdk::prelude::*;
use qpyt_sdk::serde_json::json;
use qpyt_sdk::shapes::{Info, Settings};

const DEFAULT_STEPS: u32 = 25;
const DEFAULT_GUIDANCE: f64 = 7.0;

/// The prompt without blank ends, if there is one.
pub(crate) fn prompt(prompt: &str) -> Result<String> {
    match prompt.trim() {
        "" => Err(BrickError::bad_input("prompt", "Write what you would like to see in the prompt brick.")),
        words => Ok(words.to_owned()),
    }
}

/// The settings, if they are within bounds. Without any, all is open.
pub(crate) fn settings(given: Option<Json<Settings>>) -> Result<Settings> {
    let settings = given.map(|Json(settings)| settings).unwrap_or_default();
    match settings.problem() {
        Some(problem) => Err(BrickError::bad_input("settings", problem)),
        None => Ok(settings),
    }
}

/// The seed of each picture: one after the other, starting over after the greatest.
pub(crate) fn seeds(first: u32, count: Option<u32>) -> Vec<u32> {
    (0..count.unwrap_or(1)).map(|index| first.wrapping_add(index)).collect()
}

/// Steps and guidance, with what most models like where the settings leave it open.
pub(crate) fn quality(settings: &Settings) -> (u32, f64) {
    (settings.steps.unwrap_or(DEFAULT_STEPS), settings.guidance.unwrap_or(DEFAULT_GUIDANCE))
}

/// The request for one of the pictures.
pub(crate) fn request(info: &Info, seed: u32) -> TextRequest {
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
mod tests {
    use super::*;

    fn info() -> Info {
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
            assert_eq!(problem_with("settings", settings(Some(Json(given))).unwrap_err()), expected);
        }
    }

    #[test]
    fn without_settings_all_is_open() {
        assert_eq!(settings(None).unwrap(), Settings::default());
        assert_eq!(quality(&Settings::default()), (25, 7.0));
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
