//! How a translation is searched for, from `generation_config.json`.

use serde_json::Value;

use super::MarianConfig;
use crate::text::beam::{EarlyStopping, SearchRules};
use crate::weights::{ConfigFile, Loaded};

/// Most beams; their caches and logits are bounded by it.
const MAX_BEAMS: usize = 32;

/// How a translation is searched for.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationConfig {
    /// Beams that are followed side by side; 1 always takes the likeliest token.
    pub beams: usize,
    /// Most tokens of a translation, start and end included.
    pub max_length: usize,
    /// The power of the length that scores are divided by.
    pub length_penalty: f64,
    /// When the search ends.
    pub early_stopping: EarlyStopping,
    /// The token that the longest translations must end with.
    pub forced_end: Option<u32>,
    /// Tokens that are never written.
    pub forbidden: Vec<u32>,
    /// Whether log-probabilities are normalised again once tokens were forbidden.
    pub renormalize: bool,
}

impl GenerationConfig {
    /// Reads `generation_config.json`; what it lacks is looked for in `config.json`, where older models have it.
    ///
    /// # Errors
    /// A key asks for something that is not there.
    pub fn read(file: &ConfigFile, config: &ConfigFile, model: &MarianConfig) -> Loaded<Self> {
        let of = |key: &str| if file.get(key).is_some() { file } else { config };
        for file in [file, config] {
            file.must_be_off(&["do_sample"])?;
            for (key, off) in [("no_repeat_ngram_size", 0.0), ("repetition_penalty", 1.0)] {
                file.must_be(key, off)?;
            }
            for (key, off) in [("num_beam_groups", 1), ("min_length", 0), ("encoder_no_repeat_ngram_size", 0)]
            {
                file.must_be(key, off)?;
            }
        }
        let sized = |key: &str, most: usize, default: usize| match of(key).integer(key)? {
            Some(_) => of(key).size(key, most),
            None => Ok(default),
        };
        let key = "early_stopping";
        let early_stopping = match of(key).get(key) {
            None | Some(Value::Bool(false)) => EarlyStopping::Heuristic,
            Some(Value::Bool(true)) => EarlyStopping::Full,
            Some(value) if value == "never" => EarlyStopping::Never,
            Some(value) => return Err(of(key).problem(key, format!("`{value}` is not supported"))),
        };
        let key = "forced_eos_token_id";
        let forced_end = match of(key).integer(key)? {
            Some(id) if id < model.target_vocabulary => Some(id as u32),
            Some(id) => return Err(of(key).problem(key, format!("{id} is outside the vocabulary"))),
            None => None,
        };
        let key = "bad_words_ids";
        let forbidden = match of(key).get(key) {
            None => Vec::new(),
            Some(value) => single_tokens(value)
                .ok_or_else(|| of(key).problem(key, "only lists of single tokens are supported"))?,
        };
        let key = "length_penalty";
        let length_penalty = of(key).number_or(key, 1.0)?;
        let key = "renormalize_logits";
        Ok(Self {
            beams: sized("num_beams", MAX_BEAMS, 1)?,
            max_length: sized("max_length", 1 << 20, model.positions)?.min(model.positions).max(2),
            length_penalty,
            early_stopping,
            forced_end,
            forbidden,
            renormalize: of(key).flag_or(key, false)?,
        })
    }

    /// The rules of the search with a model.
    pub(super) fn rules(&self, model: &MarianConfig) -> SearchRules {
        SearchRules {
            start: model.start,
            ends: vec![model.end],
            beams: self.beams,
            length_penalty: self.length_penalty,
            early_stopping: self.early_stopping,
            no_repeat_ngram: 0,
            bad_words: self.forbidden.iter().map(|id| vec![*id]).collect(),
            forced_first: None,
            forced_last: self.forced_end,
            renormalize: self.renormalize,
            longest: self.max_length.min(model.positions).saturating_sub(1),
        }
    }
}

/// The tokens of a list of lists of one token each.
fn single_tokens(value: &Value) -> Option<Vec<u32>> {
    let word = |word: &Value| match word.as_array()?.as_slice() {
        [id] => u32::try_from(id.as_u64()?).ok(),
        _ => None,
    };
    value.as_array()?.iter().map(word).collect()
}
