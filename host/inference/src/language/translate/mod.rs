//! Translation of texts of any length with MarianMT, sentence by sentence.

mod layout;
mod sentences;
mod translator;
mod vocabulary;

pub use layout::TranslatorLayout;
pub use translator::{Translation, Translator};
pub use vocabulary::MarianVocabulary;
