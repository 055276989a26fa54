//! Text: prompts become token windows, which CLIP and T5 turn into hidden states; BART reads sequences and writes texts.

pub mod bart;
pub mod beam;
pub mod generation;
pub mod t5;

mod clip;
mod tokenizer;

pub use clip::{Activation, ClipConfig, ClipStates, ClipTextModel};
pub use tokenizer::{ClipTokenizer, TokenWindow};
pub(crate) use tokenizer::{VocabularyFiles, special_token, tokenizer_from_json};
