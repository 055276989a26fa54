//! T5's tokenizer.

use tokenizers::Tokenizer;

use super::T5Config;
use crate::text::published::{TokenizerSource, Vocabulary};
use crate::text::tokenizer::{TokenWindow, parse_tokenizer, tokenizer_from_json};
use crate::weights::{BrokenFile, Loaded};

/// Turns prompts into windows of T5's tokens.
pub struct T5Tokenizer {
    tokenizer: Tokenizer,
    end: u32,
    padding: u32,
}

impl T5Tokenizer {
    /// Reads the `tokenizer.json` of a folder, or as it was published, for its text encoder.
    ///
    /// # Errors
    /// The file is missing or broken, or the text encoder knows fewer tokens.
    pub fn load(source: impl Into<TokenizerSource>, encoder: &T5Config) -> Loaded<Self> {
        let source = source.into();
        let mut tokenizer = match &source {
            TokenizerSource::Folder(folder) => tokenizer_from_json(&folder.join("tokenizer.json"))?,
            TokenizerSource::Published(_) => parse_tokenizer(&source.place(), &Vocabulary::T5.text()?)?,
        };
        let folder = &source.place();
        // Windows are cut and padded here, where it can be reported.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| BrokenFile::new(folder, e))?;
        let words = tokenizer.get_vocab_size(true);
        if words > encoder.vocabulary {
            let problem = format!("has {words} tokens, the text encoder knows {}", encoder.vocabulary);
            return Err(BrokenFile::new(folder, problem));
        }
        Ok(Self { tokenizer, end: encoder.end, padding: encoder.padding })
    }

    /// Tokenizes a prompt into one window of `length` tokens, the end mark included.
    ///
    /// # Errors
    /// The tokenizer's own message; its rules do not apply to this text.
    pub fn window(&self, prompt: &str, length: usize) -> Result<TokenWindow, String> {
        let encoding = self.tokenizer.encode_fast(prompt, false).map_err(|e| e.to_string())?;
        let room = length.saturating_sub(1);
        let mut ids: Vec<u32> = encoding.get_ids().iter().copied().take(room).chain([self.end]).collect();
        ids.resize(length, self.padding);
        Ok(TokenWindow { ids, dropped: encoding.get_ids().len().saturating_sub(room) })
    }
}
