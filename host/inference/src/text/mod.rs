//! Text: prompts become token windows, which CLIP turns into hidden states; BART reads sequences and writes texts.

pub mod bart;
pub mod beam;
pub mod generation;

mod clip;
mod tokenizer;

pub use clip::{Activation, ClipConfig, ClipTextModel};
pub use tokenizer::{ClipTokenizer, TokenWindow};
pub(crate) use tokenizer::{VocabularyFiles, tokenizer_from_json};
