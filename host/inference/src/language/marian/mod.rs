//! MarianMT, an encoder-decoder transformer for translation, and how it generates.
//!
//! Written after transformers' `modeling_marian.py` and `generation/utils.py`.

mod config;
mod generation;
mod layer;
mod model;
mod writing;

pub use config::MarianConfig;
pub use generation::GenerationConfig;
pub use model::{DecoderState, MarianModel};
