//! Text models: chat with decoders, and translation with MarianMT.

pub mod chat;
pub mod decoder;
mod error;
pub mod marian;
pub mod sentencepiece;
pub mod translate;

pub use error::LanguageError;

use std::ops::ControlFlow;

/// Takes text as it is written, and says whether to go on.
pub type OnText<'a> = &'a mut dyn FnMut(&str) -> ControlFlow<()>;
