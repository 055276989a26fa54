//! The rules of a search as configuration files state them, under the keys of transformers' `GenerationConfig`.

use serde_json::Value;

use super::beam::{EarlyStopping, SearchRules};
use crate::weights::{ConfigFile, Loaded};

/// Most beams that are followed.
const MAX_BEAMS: usize = 64;
/// Most token runs that may be forbidden, and tokens in one.
const MAX_BAD_WORDS: usize = 1 << 16;

/// Configuration files that may state a rule.
pub struct GenerationConfig<'a> {
    /// The file that counts.
    pub main: &'a ConfigFile,
    /// Files that count where those before them are silent.
    pub fallbacks: &'a [&'a ConfigFile],
}

impl GenerationConfig<'_> {
    /// Reads the rules of a model with `vocabulary` tokens. Texts end after `max_new_tokens`, or after `longest`
    /// where no file says that or it is more.
    ///
    /// # Errors
    /// A key is missing or out of range, or switches on a rule that is not there.
    pub fn rules(&self, vocabulary: usize, longest: usize) -> Loaded<SearchRules> {
        for (key, off) in [
            ("repetition_penalty", 1.0),
            ("encoder_repetition_penalty", 1.0),
            ("num_beam_groups", 1.0),
            ("diversity_penalty", 0.0),
            ("min_length", 0.0),
            ("min_new_tokens", 0.0),
            ("encoder_no_repeat_ngram_size", 0.0),
        ] {
            self.first(key).must_be(key, off)?;
        }
        for key in ["suppress_tokens", "begin_suppress_tokens", "sequence_bias", "force_words_ids"] {
            self.first(key).must_be_off(&[key])?;
        }
        let start = self.token("decoder_start_token_id", vocabulary)?;
        let file = self.first("decoder_start_token_id");
        Ok(SearchRules {
            start: start.ok_or_else(|| file.problem("decoder_start_token_id", "is missing"))?,
            ends: self.tokens("eos_token_id", vocabulary)?,
            beams: self.limited("num_beams", 1, MAX_BEAMS)?,
            length_penalty: self.first("length_penalty").number_or("length_penalty", 1.0)?,
            early_stopping: self.early_stopping()?,
            no_repeat_ngram: self.limited("no_repeat_ngram_size", 0, 1 << 10)?,
            bad_words: self.bad_words(vocabulary)?,
            forced_first: self.token("forced_bos_token_id", vocabulary)?,
            forced_last: self.token("forced_eos_token_id", vocabulary)?,
            renormalize: self.first("renormalize_logits").flag_or("renormalize_logits", false)?,
            longest: self.first("max_new_tokens").integer_or("max_new_tokens", longest)?.min(longest),
        })
    }

    /// The first file that has a key, or the main one.
    fn first(&self, key: &str) -> &ConfigFile {
        let mut files = std::iter::once(self.main).chain(self.fallbacks.iter().copied());
        files.find(|file| file.get(key).is_some()).unwrap_or(self.main)
    }

    fn limited(&self, key: &str, default: usize, most: usize) -> Loaded<usize> {
        let file = self.first(key);
        let value = file.integer_or(key, default)?;
        if value > most || value < default {
            return Err(file.problem(key, format!("{value} is not between {default} and {most}")));
        }
        Ok(value)
    }

    fn token(&self, key: &str, vocabulary: usize) -> Loaded<Option<u32>> {
        Ok(self.tokens(key, vocabulary)?.first().copied())
    }

    /// One token or a list of them.
    fn tokens(&self, key: &str, vocabulary: usize) -> Loaded<Vec<u32>> {
        let file = self.first(key);
        let list = match file.get(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        tokens_of(list, vocabulary).map_err(|problem| file.problem(key, problem))
    }

    fn early_stopping(&self) -> Loaded<EarlyStopping> {
        let file = self.first("early_stopping");
        match file.get("early_stopping") {
            None | Some(Value::Bool(false)) => Ok(EarlyStopping::Heuristic),
            Some(Value::Bool(true)) => Ok(EarlyStopping::Full),
            Some(Value::String(text)) if text == "never" => Ok(EarlyStopping::Never),
            Some(other) => Err(file.problem("early_stopping", format!("`{other}` is not supported"))),
        }
    }

    fn bad_words(&self, vocabulary: usize) -> Loaded<Vec<Vec<u32>>> {
        const KEY: &str = "bad_words_ids";
        let file = self.first(KEY);
        let Some(value) = file.get(KEY) else { return Ok(Vec::new()) };
        let words = value.as_array().filter(|words| words.len() <= MAX_BAD_WORDS);
        let words = words.ok_or_else(|| file.problem(KEY, "a list of token lists is needed"))?;
        let word = |word: &Value| {
            let list = word.as_array().filter(|list| !list.is_empty() && list.len() <= MAX_BAD_WORDS);
            tokens_of(list.ok_or_else(|| "a list of token lists is needed".to_owned())?, vocabulary)
        };
        words.iter().map(word).collect::<Result<_, _>>().map_err(|problem| file.problem(KEY, problem))
    }
}

/// Token numbers below `vocabulary`, or the problem.
fn tokens_of(values: &[Value], vocabulary: usize) -> Result<Vec<u32>, String> {
    let token = |value: &Value| {
        let number = value.as_u64().filter(|&n| n < vocabulary as u64);
        number
            .and_then(|n| u32::try_from(n).ok())
            .ok_or_else(|| format!("`{value}` is not one of {vocabulary} tokens"))
    };
    values.iter().map(token).collect()
}
