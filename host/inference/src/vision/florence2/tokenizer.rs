//! Florence-2's tokenizer: BART's byte-pair tokenizer with marks for places and regions after its vocabulary.

use std::path::Path;

use serde_json::json;
use tokenizers::{AddedToken, Tokenizer};

use crate::text::{VocabularyFiles, tokenizer_from_json};
use crate::weights::{BrokenFile, Loaded};

/// BART's own marks.
const BART_MARKS: [&str; 5] = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];
/// Places along each edge of a picture.
const PLACES: usize = 1000;
/// Marks before the places, in the order of Microsoft's processor.
const BEFORE_PLACES: [&str; 4] = ["<od>", "</od>", "<ocr>", "</ocr>"];
/// Marks after the places. One is misspelt in every file.
const AFTER_PLACES: [&str; 20] = [
    "<cap>",
    "</cap>",
    "<ncap>",
    "</ncap>",
    "<dcap>",
    "</dcap>",
    "<grounding>",
    "</grounding>",
    "<seg>",
    "</seg>",
    "<sep>",
    "<region_cap>",
    "</region_cap>",
    "<region_to_desciption>",
    "</region_to_desciption>",
    "<proposal>",
    "</proposal>",
    "<poly>",
    "</poly>",
    "<and>",
];

/// Turns prompts into tokens and what was written into text.
pub struct FlorenceTokenizer {
    tokenizer: Tokenizer,
    /// For each token whether it is a mark rather than text.
    is_mark: Vec<bool>,
    /// For each token whether it is a place.
    is_place: Vec<bool>,
}

impl FlorenceTokenizer {
    /// True if the folder has files that a tokenizer can be read from.
    pub fn is_in(folder: &Path) -> bool {
        let pair = ["vocab.json", "merges.txt"];
        folder.join("tokenizer.json").is_file() || pair.iter().all(|name| folder.join(name).is_file())
    }

    /// Reads the tokenizer of a model folder for a text model with `vocabulary` tokens. Files that end with BART's
    /// vocabulary get Florence-2's marks added, if the text model has room for them.
    ///
    /// # Errors
    /// A file is missing or broken, or the text model knows fewer tokens.
    pub fn load(folder: &Path, vocabulary: usize) -> Loaded<Self> {
        let joined = folder.join("tokenizer.json");
        let mut tokenizer =
            if joined.is_file() { tokenizer_from_json(&joined)? } else { from_vocabulary(folder)? };
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| BrokenFile::new(folder, e))?;
        let marks: Vec<String> = BEFORE_PLACES
            .into_iter()
            .map(str::to_owned)
            .chain((0..PLACES).map(|place| format!("<loc_{place}>")))
            .chain(AFTER_PLACES.into_iter().map(str::to_owned))
            .collect();
        let words = tokenizer.get_vocab_size(true);
        if tokenizer.token_to_id("<loc_0>").is_none() && words + marks.len() <= vocabulary {
            let added = marks.iter().map(|mark| AddedToken::from(mark.clone(), true));
            tokenizer
                .add_special_tokens(added)
                .map_err(|e| BrokenFile::new(folder, format!("its marks cannot be added: {e}")))?;
        }
        let words = tokenizer.get_vocab_size(true);
        if words > vocabulary {
            let problem = format!("has {words} tokens, the text model knows {vocabulary}");
            return Err(BrokenFile::new(folder, problem));
        }
        let (mut is_mark, mut is_place) = (vec![false; vocabulary], vec![false; vocabulary]);
        let all = marks.iter().map(String::as_str).chain(BART_MARKS);
        for mark in all {
            let id = tokenizer.token_to_id(mark).map(|id| id as usize);
            if let Some(flag) = id.and_then(|id| is_mark.get_mut(id)) {
                *flag = true;
            }
            if let Some(flag) = id.filter(|_| mark.starts_with("<loc_")).and_then(|id| is_place.get_mut(id)) {
                *flag = true;
            }
        }
        Ok(Self { tokenizer, is_mark, is_place })
    }

    /// The tokens of a prompt, without start and end.
    ///
    /// # Errors
    /// The tokenizer's own message; its rules do not apply to this text.
    pub fn encode(&self, prompt: &str) -> Result<Vec<u32>, String> {
        let encoding = self.tokenizer.encode_fast(prompt, false).map_err(|e| e.to_string())?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of tokens, marks left out.
    ///
    /// # Errors
    /// The tokenizer's own message.
    pub fn decode(&self, ids: &[u32]) -> Result<String, String> {
        let words: Vec<u32> = ids.iter().copied().filter(|&id| !has(&self.is_mark, id)).collect();
        let text = self.tokenizer.decode(&words, true).map_err(|e| e.to_string())?;
        Ok(text.trim().to_owned())
    }

    /// The names that stand between places in the picture, each once, separated by commas.
    ///
    /// # Errors
    /// The tokenizer's own message.
    pub fn object_names(&self, ids: &[u32]) -> Result<String, String> {
        let mut names: Vec<String> = Vec::new();
        for words in ids.split(|&id| has(&self.is_place, id)) {
            let name = self.decode(words)?;
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names.join(", "))
    }
}

/// A flag of a token.
fn has(flags: &[bool], id: u32) -> bool {
    flags.get(id as usize).copied().unwrap_or(false)
}

/// Builds the tokenizer as BART defines it around a vocabulary and merge list.
fn from_vocabulary(folder: &Path) -> Loaded<Tokenizer> {
    let files = VocabularyFiles::read(folder)?;
    let byte_level =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    files.tokenizer(json!({
        "version": "1.0",
        "added_tokens": files.special_tokens(&BART_MARKS),
        "pre_tokenizer": byte_level,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": files.vocabulary, "merges": files.merges}
    }))
}
