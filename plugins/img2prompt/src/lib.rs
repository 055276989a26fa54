//! The image to prompt brick: puts a picture into words with a model on the host.

use qpyt_sdk::ai::vision::{self, Detail};
use qpyt_sdk::job;
use qpyt_sdk::prelude::*;

/// Puts a picture into words, to be painted again or searched for.
#[derive(Debug, Clone, Params)]
struct Img2Prompt {
    /// The model that looks.
    #[param(default = "florence-2-base", widget = "model", hint("x-model-family", "captioner"))]
    model: String,
    /// How much to say.
    #[param(default = "paragraph", choices = [("sentence", "One sentence"), ("sentences", "In more detail"), ("paragraph", "As much as can be seen"), ("tags", "Tags")])]
    detail: String,
    /// Comes before the words, such as “oil painting of”.
    #[param(title = "Before", widget = "text")]
    before: String,
    /// Comes after the words, such as “, soft light”.
    #[param(title = "After", widget = "text")]
    after: String,
}

#[derive(Inputs)]
struct Pictures {
    /// The picture to put into words. Of several, each gets a line.
    #[port(label = "Images", required)]
    image: Vec<Image>,
}

#[derive(Outputs)]
struct Words {
    /// What is to be seen.
    prompt: String,
}

impl Brick for Img2Prompt {
    const ID: &'static str = "qpyt:img2prompt";
    const LABEL: &'static str = "Image to prompt";
    const CATEGORY: Category = Category::Input;
    type Inputs = Pictures;
    type Outputs = Words;

    fn run(self, inputs: Pictures) -> Result<Words> {
        let all = inputs.image.len();
        let mut lines = Vec::with_capacity(all);
        for (done, image) in inputs.image.iter().enumerate() {
            job::progress(0.0, &format!("Picture {} of {all}", done + 1))?;
            let caption = vision::caption(&self.model, image, self.detail())?;
            lines.push(format!("{}{}{}", self.before, caption.trim(), self.after));
        }
        Ok(Words { prompt: lines.join("\n").trim().to_owned() })
    }
}

impl Img2Prompt {
    fn detail(&self) -> Detail {
        match self.detail.as_str() {
            "sentence" => Detail::Sentence,
            "sentences" => Detail::Sentences,
            "tags" => Detail::Tags,
            _ => Detail::Paragraph,
        }
    }
}

qpyt_sdk::export!(Img2Prompt);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Img2Prompt>(), Vec::<String>::new());
    }

    #[test]
    fn every_choice_asks_for_its_own_amount_of_detail() {
        let details = ["sentence", "sentences", "paragraph", "tags"].map(|detail| {
            Img2Prompt { detail: detail.to_owned(), ..Img2Prompt::defaults().unwrap() }.detail()
        });
        assert_eq!(details, [Detail::Sentence, Detail::Sentences, Detail::Paragraph, Detail::Tags]);
    }
}
