//! A translation model in memory, and how it translates a text.

use std::ops::ControlFlow;

use candle_core::Device;

use super::layout::TranslatorLayout;
use super::sentences::{Part, halves, parts};
use super::vocabulary::MarianVocabulary;
use crate::language::marian::{GenerationConfig, MarianModel};
use crate::language::{LanguageError, OnText};
use crate::weights::{Loaded, Weights};

/// Longest text that is translated, in bytes.
const MAX_TEXT: usize = 1 << 20;
/// Bytes of a sentence that its tokens are counted of; longer ones are cut before.
const MAX_SENTENCE: usize = 1 << 14;

/// A MarianMT model with its weights and vocabulary.
pub struct Translator {
    model: MarianModel,
    vocabulary: MarianVocabulary,
    generation: GenerationConfig,
}

/// A translated text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// The text, which is what the callback got piece by piece.
    pub text: String,
    /// Sentences, or parts of long ones, that were translated.
    pub sentences: usize,
    /// Tokens of the source.
    pub source_tokens: usize,
    /// Tokens that were written.
    pub output_tokens: usize,
    /// True when the callback ended it before the end of the text.
    pub cancelled: bool,
}

/// Where a translation stands.
struct Progress<'a, 'b> {
    on_text: OnText<'b>,
    so_far: Translation,
    language: Option<&'a u32>,
}

impl Translator {
    /// Loads the weights and vocabulary.
    ///
    /// # Errors
    /// A file is missing or broken, or the parts do not fit each other.
    pub fn load(layout: &TranslatorLayout, device: &Device) -> Loaded<Self> {
        let weights = Weights::new(layout.weights.clone(), device);
        Ok(Self {
            vocabulary: MarianVocabulary::read(&layout.folder, &layout.model)?,
            model: MarianModel::load(&layout.model, &weights)?,
            generation: layout.generation.clone(),
        })
    }

    /// The model.
    pub fn model(&self) -> &MarianModel {
        &self.model
    }

    /// The vocabulary.
    pub fn vocabulary(&self) -> &MarianVocabulary {
        &self.vocabulary
    }

    /// Translates a text sentence by sentence; lines and the spaces between sentences stay as they are. A mark like
    /// `>>fra<<` in front chooses the language where the model has several. `on_text` gets each sentence once it is
    /// finished, and an empty piece before it is read and after every token; when it breaks, the translation ends there.
    ///
    /// # Errors
    /// The text is too long, or computing fails.
    pub fn translate(&self, text: &str, on_text: OnText) -> Result<Translation, LanguageError> {
        if text.len() > MAX_TEXT {
            return Err(LanguageError::TooManyBytes { bytes: text.len(), most: MAX_TEXT });
        }
        let (language, text) = self.vocabulary.target_language(text);
        let so_far = Translation {
            text: String::new(),
            sentences: 0,
            source_tokens: 0,
            output_tokens: 0,
            cancelled: false,
        };
        let mut progress = Progress { on_text, so_far, language: language.as_ref() };
        for part in parts(text) {
            let flow = match part {
                Part::Between(spaces) => progress.say(spaces),
                Part::Sentence(sentence) => self.translate_sentence(sentence, &mut progress)?,
            };
            if flow.is_break() {
                progress.so_far.cancelled = true;
                break;
            }
        }
        Ok(progress.so_far)
    }

    /// Translates a sentence, in parts if it is longer than the model reads.
    fn translate_sentence(
        &self,
        sentence: &str,
        progress: &mut Progress,
    ) -> Result<ControlFlow<()>, LanguageError> {
        let mut left = vec![sentence];
        while let Some(part) = left.pop() {
            let short = part.trim_start();
            if short.len() < part.len() && progress.say(" ").is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let ids = if short.len() <= MAX_SENTENCE { self.vocabulary.encode(short) } else { Vec::new() };
            let fits = short.len() <= MAX_SENTENCE && ids.len() <= self.longest_source();
            if let (false, Some((first, second))) = (fits, halves(short)) {
                left.extend([second, first]);
                continue;
            }
            if self.translate_ids(ids, progress)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn translate_ids(
        &self,
        ids: Vec<u32>,
        progress: &mut Progress,
    ) -> Result<ControlFlow<()>, LanguageError> {
        let marks = progress.language.into_iter().copied();
        let source: Vec<u32> = marks.chain(ids).chain([self.model.config().end]).collect();
        let on_text = &mut *progress.on_text;
        let Some(output) = self.model.generate(&source, &self.generation, &mut || on_text(""))? else {
            return Ok(ControlFlow::Break(()));
        };
        progress.so_far.sentences += 1;
        progress.so_far.source_tokens += source.len();
        progress.so_far.output_tokens += output.len();
        Ok(progress.say(&self.vocabulary.decode(&output)))
    }

    /// Most tokens of a sentence that is translated in one go: half the window, as translations are often longer.
    fn longest_source(&self) -> usize {
        (self.generation.max_length.min(self.model.config().positions) / 2).max(1)
    }
}

impl Progress<'_, '_> {
    fn say(&mut self, text: &str) -> ControlFlow<()> {
        self.so_far.text.push_str(text);
        (self.on_text)(text)
    }
}
