//! The translator brick: prompts into the language that the painting model knows, with a model on the host.

use qpyt_sdk::ai::language;
use qpyt_sdk::prelude::*;

/// Translates your texts, by default from French to English.
#[derive(Debug, Clone, Params)]
struct Translator {
    /// The model, which stands for two languages: from the first to the second.
    #[param(default = "opus-mt-fr-en", widget = "model", hint("x-model-family", "translator"))]
    model: String,
}

#[derive(Inputs)]
struct Foreign {
    /// What to translate.
    prompt: String,
    /// A second text to translate.
    #[port(label = "Negative prompt")]
    negative: Option<String>,
}

#[derive(Outputs)]
struct Translated {
    /// The translation.
    prompt: String,
    /// The translation of the second text.
    #[port(label = "Negative prompt")]
    negative: String,
}

impl Brick for Translator {
    const ID: &'static str = "qpyt:translator";
    const LABEL: &'static str = "Translator";
    const CATEGORY: Category = Category::Input;
    type Inputs = Foreign;
    type Outputs = Translated;

    fn run(self, inputs: Foreign) -> Result<Translated> {
        let translate = |text: &str| match text.trim() {
            "" => Ok(String::new()),
            words => language::translate(&self.model, words),
        };
        let negative = inputs.negative.unwrap_or_default();
        Ok(Translated { prompt: translate(&inputs.prompt)?, negative: translate(&negative)? })
    }
}

qpyt_sdk::export!(Translator);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Translator>(), Vec::<String>::new());
    }

    #[test]
    fn where_there_is_nothing_to_translate_no_model_is_asked() {
        let nothing = Foreign { prompt: " \n".to_owned(), negative: None };
        let translated = Translator::defaults().unwrap().run(nothing).unwrap();
        assert_eq!((translated.prompt.as_str(), translated.negative.as_str()), ("", ""));
    }
}
