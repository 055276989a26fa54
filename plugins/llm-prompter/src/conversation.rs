//! What is said to the model, and what is taken from its answer.

use qpyt_sdk::prelude::*;

use crate::roles;

/// What holds for every role.
const RULES: &str = "The user gives you a short idea for a picture. Answer with one prompt for an image model, in \
English, as one paragraph of at most 120 words. Keep everything that the idea names. Say only what can be seen. Answer \
with the prompt alone: no preface, no quotation marks, no headings, no explanation.";

/// What the model is told before the idea: the person's own words, or those of the role.
pub(crate) fn system(role: &str, own: &str) -> Result<String> {
    let own = own.trim();
    if !own.is_empty() {
        return Ok(format!("{own}\n\n{RULES}"));
    }
    let known = roles::find(role).ok_or_else(|| {
        BrickError::bad_param(
            "role",
            format!("There is no role `{role}` in this version. Choose another one."),
        )
    })?;
    Ok(format!("{} {RULES}", known.ask))
}

/// The prompt in an answer: without what models think aloud, put around it or before it.
pub(crate) fn prompt(answer: &str) -> String {
    let mut words = answer.trim();
    if let Some((_, after)) = words.rsplit_once("</think>") {
        words = after.trim();
    }
    if let Some((before, after)) = words.split_once(':')
        && before.len() < 40
        && before.to_lowercase().contains("prompt")
    {
        words = after.trim();
    }
    words = words.trim_matches(|letter| matches!(letter, '"' | '“' | '”' | '*' | '`')).trim();
    words.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_says_what_to_be_and_the_persons_own_words_go_before_it() {
        assert!(system("director", " ").unwrap().starts_with("You are a film director"));
        assert!(system("director", "You are a pirate.").unwrap().starts_with("You are a pirate.\n"));
        assert!(system("director", "").unwrap().contains("Answer with the prompt alone"));
        assert!(matches!(system("king", ""), Err(BrickError::BadParam(problem)) if problem.name == "role"));
    }

    #[test]
    fn what_models_put_around_a_prompt_is_left_out() {
        for (answer, expected) in [
            ("A red fox.", "A red fox."),
            ("  \"A red fox.\" ", "A red fox."),
            ("Prompt: A red fox.", "A red fox."),
            ("Here is your prompt:\n\n**A red fox.**", "A red fox."),
            ("<think>A fox? Red.</think>\nA red fox,\n\nrunning.", "A red fox, running."),
            ("A clock: it shows five.", "A clock: it shows five."),
            ("", ""),
        ] {
            assert_eq!(prompt(answer), expected);
        }
    }
}
