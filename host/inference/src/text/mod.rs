//! Text: prompts become token windows, which CLIP and T5 turn into hidden states; BART reads sequences and writes texts.

pub mod bart;
pub mod beam;
pub mod generation;
pub mod t5;

mod chunks;
mod clip;
mod inversion;
mod published;
mod tokenizer;

pub use chunks::{Chunk, Mixed, Token};
pub use clip::{Activation, ClipConfig, ClipStates, ClipTextModel};
pub use inversion::{InversionLayout, TextualInversion};
pub(crate) use published::qwen3_tokenizer;
pub use published::{TokenizerSource, Vocabulary};
pub use tokenizer::{ClipTokenizer, TokenWindow};
pub(crate) use tokenizer::{VocabularyFiles, special_token, tokenizer_from_json};
