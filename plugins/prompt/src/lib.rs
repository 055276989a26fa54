//! The prompt brick: what to paint and what to avoid, as two texts.

use qpyt_sdk::prelude::*;

/// What you would like to see, and what you would rather not.
#[derive(Params)]
struct Prompt {
    /// Describe the picture in your own words.
    #[param(widget = "prompt", hint("x-wildcards", true))]
    prompt: String,
    /// What should stay out of the picture.
    #[param(title = "Negative prompt", widget = "text", hint("x-wildcards", true))]
    negative: String,
}

#[derive(Outputs)]
struct Texts {
    /// What to paint.
    prompt: String,
    /// What to avoid.
    #[port(label = "Negative prompt")]
    negative: String,
}

impl Brick for Prompt {
    const ID: &'static str = "qpyt:prompt";
    const LABEL: &'static str = "Prompt";
    const CATEGORY: Category = Category::Input;
    type Inputs = ();
    type Outputs = Texts;

    fn run(self, (): ()) -> Result<Texts> {
        Ok(Texts { prompt: self.prompt.trim().to_owned(), negative: self.negative.trim().to_owned() })
    }
}

qpyt_sdk::export!(Prompt);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Prompt>(), Vec::<String>::new());
    }

    #[test]
    fn both_texts_are_passed_on_without_blank_ends() {
        let prompt = Prompt { prompt: "  a red fox\n".to_owned(), negative: "\tblur ".to_owned() };
        let texts = prompt.run(()).unwrap();
        assert_eq!((texts.prompt.as_str(), texts.negative.as_str()), ("a red fox", "blur"));
    }

    #[test]
    fn an_empty_prompt_is_left_to_the_bricks_after_it() {
        let texts = Prompt::defaults().unwrap().run(()).unwrap();
        assert_eq!((texts.prompt.as_str(), texts.negative.as_str()), ("", ""));
    }
}
