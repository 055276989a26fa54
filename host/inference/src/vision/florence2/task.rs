//! What a captioner is asked for, and the prompts that ask for it.

/// What to say about a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// One short sentence.
    Caption,
    /// A few sentences.
    DetailedCaption,
    /// A paragraph.
    MoreDetailedCaption,
    /// Comma-separated tags; from models that were not taught to, the names of the objects they find.
    Tags,
    /// How the picture is composed; PromptGen models alone.
    Analysis,
    /// A paragraph and tags in one, for picture models with two text encoders; PromptGen models alone.
    MixedCaption,
    /// As before, with the analysis; PromptGen models alone.
    MixedCaptionPlus,
    /// The text that can be read in the picture.
    ReadText,
}

/// What a model's fine-tuning taught it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teaching {
    /// Microsoft's tasks.
    Plain,
    /// The tasks of the PromptGen fine-tunes too.
    PromptGen,
}

/// How what the model wrote becomes the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// As it is, without marks.
    Text,
    /// Names between places in the picture, each once.
    ObjectNames,
}

impl Task {
    /// The prompt for the task and how its answer reads; none if a model with this teaching does not know it.
    ///
    /// Microsoft's processor replaces the tags that it knows by sentences (`processing_florence2.py`); PromptGen's
    /// own tags are left as they stand.
    pub(super) fn prompt(self, teaching: Teaching) -> Option<(&'static str, Answer)> {
        let taught = |tag: &'static str| (teaching == Teaching::PromptGen).then_some((tag, Answer::Text));
        match self {
            Self::Caption => Some(("What does the image describe?", Answer::Text)),
            Self::DetailedCaption => Some(("Describe in detail what is shown in the image.", Answer::Text)),
            Self::MoreDetailedCaption => {
                Some(("Describe with a paragraph what is shown in the image.", Answer::Text))
            }
            Self::Tags => taught("<GENERATE_TAGS>")
                .or(Some(("Locate the objects with category name in the image.", Answer::ObjectNames))),
            Self::Analysis => taught("<ANALYZE>"),
            Self::MixedCaption => taught("<MIXED_CAPTION>"),
            Self::MixedCaptionPlus => taught("<MIXED_CAPTION_PLUS>"),
            Self::ReadText => Some(("What is the text in the image?", Answer::Text)),
        }
    }
}
