//! Text conditioning: prompts become token windows, and CLIP turns those into hidden states.

mod clip;
mod tokenizer;

pub use clip::{Activation, ClipConfig, ClipTextModel};
pub use tokenizer::{ClipTokenizer, TokenWindow};
