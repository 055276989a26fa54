//! Prompts as FLUX.2 Klein reads them: hidden states of Qwen3 at three depths.

use std::path::Path;
use std::sync::Arc;

use candle_core::{D, Error, Result, Tensor};
use tokenizers::Tokenizer;

use crate::diffusion::pipeline::PromptStates;
use crate::language::decoder::{DecoderConfig, DecoderWeights, StateReader};
use crate::text::{TokenizerSource, qwen3_tokenizer, special_token, tokenizer_from_json};
use crate::weights::{BrokenFile, ConfigFile, Loaded, Weights};

/// Layers after which the states are read; the rest of the decoder is not needed.
pub(super) const DEPTHS: [usize; STATES] = [9, 18, 27];
/// How many states of each token are read.
pub(in crate::diffusion) const STATES: usize = 3;
/// What stands around a prompt: a user's turn and an answer that begins without thinking.
const BEFORE: &str = "<|im_start|>user\n";
const AFTER: &str = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";

/// What fills the window, where nothing else is said.
const PADDING: &str = "<|endoftext|>";

/// Turns prompts into states.
pub(super) struct PromptReader {
    tokenizer: Tokenizer,
    padding: u32,
    window: usize,
    reader: StateReader,
}

impl PromptReader {
    /// Loads the tokenizer and the decoder's layers. Prompts are cut and padded to `window` tokens.
    pub(super) fn load(
        source: &TokenizerSource,
        config: &DecoderConfig,
        weights: &Weights,
        window: usize,
    ) -> Loaded<Self> {
        let (mut tokenizer, padding) = match source {
            TokenizerSource::Folder(folder) => from_folder(folder)?,
            TokenizerSource::Published(_) => (qwen3_tokenizer()?, PADDING.to_owned()),
        };
        let place = source.place();
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| BrokenFile::new(&place, e))?;
        let padding = tokenizer.token_to_id(&padding).ok_or_else(|| {
            BrokenFile::new(&place, format!("the vocabulary has no `{padding}` (pad_token)"))
        })?;
        let deepest = DEPTHS.into_iter().max().unwrap_or_default();
        let weights = match weights.gguf_file() {
            Some(file) => DecoderWeights::Gguf(Arc::clone(file), weights.device().clone()),
            None => DecoderWeights::Folder(weights.clone()),
        };
        let reader = StateReader::load(config, &weights, deepest)?;
        Ok(Self { tokenizer, padding, window, reader })
    }

    /// The states of a prompt (1, window, three times the decoder's width). All of the window is seen by what reads
    /// them.
    pub(super) fn read(&self, prompt: &str) -> Result<PromptStates> {
        let text = format!("{BEFORE}{prompt}{AFTER}");
        let encoding = self.tokenizer.encode_fast(text, false).map_err(|e| Error::Msg(e.to_string()))?;
        let mut ids = encoding.get_ids().to_vec();
        let dropped_tokens = ids.len().saturating_sub(self.window);
        ids.truncate(self.window);
        let text = ids.len();
        ids.resize(self.window, self.padding);
        let states = self.reader.states(&ids, text, &DEPTHS)?;
        Ok(PromptStates { states: Tensor::cat(&states, D::Minus1)?, pooled: None, dropped_tokens })
    }
}

/// The tokenizer of a folder, and what fills its window.
fn from_folder(folder: &Path) -> Loaded<(Tokenizer, String)> {
    let settings = ConfigFile::read(&folder.join("tokenizer_config.json"))?;
    let padding = special_token(&settings, "pad_token").unwrap_or(PADDING).to_owned();
    Ok((tokenizer_from_json(&folder.join("tokenizer.json"))?, padding))
}
