//! The tokenizer of a chat model: text to ids and back, and which ids end an answer.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use tokenizers::Tokenizer;

use super::gguf_tokenizer;
use super::template::ChatTemplate;
use crate::language::LanguageError;
use crate::weights::{BrokenFile, ConfigFile, GgufFile, Loaded, MetaValue, read_text};

/// Longest tokenizer file that is read.
const MAX_TOKENIZER: u64 = 64 << 20;
/// Longest template file that is read.
const MAX_TEMPLATE: u64 = super::template::MAX_TEMPLATE as u64;
/// Marks that end an answer wherever a vocabulary has them.
const END_MARKS: [&str; 3] = ["<|im_end|>", "<|eot_id|>", "<|endoftext|>"];

/// Turns text into ids and back.
pub struct ChatTokenizer {
    tokenizer: Tokenizer,
    ends: Vec<u32>,
}

/// A tokenizer with the template that goes with it.
pub(super) struct Texts {
    pub(super) tokenizer: ChatTokenizer,
    pub(super) template: ChatTemplate,
}

/// What of `tokenizer.json` is looked at before it is built.
#[derive(Deserialize)]
struct Outline {
    model: ModelKind,
    #[serde(default)]
    normalizer: Value,
}

#[derive(Deserialize)]
struct ModelKind {
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl ChatTokenizer {
    /// Wraps a tokenizer; `ends` are ids that end an answer besides the usual marks.
    fn new(mut tokenizer: Tokenizer, mut ends: Vec<u32>) -> Result<Self, String> {
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| e.to_string())?;
        ends.extend(END_MARKS.iter().filter_map(|mark| tokenizer.token_to_id(mark)));
        ends.sort_unstable();
        ends.dedup();
        Ok(Self { tokenizer, ends })
    }

    /// The ids of a prompt; marks in it count as marks, and none are added.
    ///
    /// # Errors
    /// The tokenizer's rules do not apply to the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, LanguageError> {
        let encoding = self.tokenizer.encode_fast(text, false);
        Ok(encoding.map_err(|e| LanguageError::Tokenizer(e.to_string()))?.get_ids().to_vec())
    }

    /// The text of ids, without marks.
    ///
    /// # Errors
    /// The tokenizer's rules do not apply to the ids.
    pub fn decode(&self, ids: &[u32]) -> Result<String, LanguageError> {
        self.tokenizer.decode(ids, true).map_err(|e| LanguageError::Tokenizer(e.to_string()))
    }

    /// True for ids that end an answer.
    pub fn ends(&self, id: u32) -> bool {
        self.ends.binary_search(&id).is_ok()
    }
}

impl Texts {
    /// Reads `tokenizer.json` and what belongs to it from a Hugging Face folder.
    pub(super) fn read_folder(folder: &Path) -> Loaded<Self> {
        let path = folder.join("tokenizer.json");
        let text = read_text(&path, MAX_TOKENIZER)?;
        let broken = |e: &dyn std::fmt::Display| BrokenFile::new(&path, format!("is not a tokenizer: {e}"));
        let outline: Outline = serde_json::from_str(&text).map_err(|e| broken(&e))?;
        if let Some(other) = outline.model.kind.filter(|kind| kind != "BPE") {
            return Err(BrokenFile::new(&path, format!("has a {other} vocabulary, only BPE is supported")));
        }
        // Its table is not checked by the reader.
        if outline.normalizer.to_string().contains("\"Precompiled\"") {
            return Err(BrokenFile::new(&path, "has a precompiled normalizer, which is not supported"));
        }
        let tokenizer = text.parse::<Tokenizer>().map_err(|e| broken(&e))?;

        let settings = optional(&folder.join("tokenizer_config.json"))?;
        let mark = |key: &str| special_token(&settings, key);
        let (begin, end) = (mark("bos_token"), mark("eos_token"));
        let mut ends = Vec::new();
        for name in ["generation_config.json", "config.json"] {
            ends.extend(end_ids(&optional(&folder.join(name))?)?);
        }
        ends.extend(tokenizer.token_to_id(end));

        let template_path = folder.join("chat_template.jinja");
        let own = if template_path.is_file() { Some(read_text(&template_path, MAX_TEMPLATE)?) } else { None };
        let template = own.as_deref().or_else(|| template_in(&settings));
        Ok(Self {
            template: ChatTemplate::new(template, begin, end).map_err(|e| BrokenFile::new(folder, e))?,
            tokenizer: ChatTokenizer::new(tokenizer, ends).map_err(|e| broken(&e))?,
        })
    }

    /// Builds both from the metadata of a GGUF file.
    pub(super) fn read_gguf(file: &GgufFile) -> Loaded<Self> {
        let tokenizer = gguf_tokenizer::build(file)?;
        let tokens = file.texts("tokenizer.ggml.tokens")?;
        let id = |key: &str| file.integer(&format!("tokenizer.ggml.{key}_token_id"));
        let mark = |id: Option<usize>| id.and_then(|id| tokens.get(id)).map_or("", String::as_str);
        let (begin, end) = (mark(id("bos")?), mark(id("eos")?));
        let ends = [id("eos")?, id("eot")?].into_iter().flatten();
        let ends = ends.filter_map(|id| u32::try_from(id).ok()).collect();
        let template = file.text("tokenizer.chat_template")?;
        let broken = |e: String| BrokenFile::new(file.path(), e);
        Ok(Self {
            template: ChatTemplate::new(template, begin, end).map_err(broken)?,
            tokenizer: ChatTokenizer::new(tokenizer, ends).map_err(broken)?,
        })
    }
}

/// A configuration file, empty if it is not there.
fn optional(path: &Path) -> Loaded<ConfigFile> {
    if path.is_file() { ConfigFile::read(path) } else { ConfigFile::parse(path, "{}") }
}

/// A special token, which files write as a text or as an object with `content`; empty if there is none.
fn special_token<'a>(settings: &'a ConfigFile, key: &str) -> &'a str {
    let value = settings.get(key);
    value.and_then(|v| v.as_str().or_else(|| v.get("content")?.as_str())).unwrap_or_default()
}

/// The template in `tokenizer_config.json`: a text, or a list of named ones of which `default` counts.
fn template_in(settings: &ConfigFile) -> Option<&str> {
    let value = settings.get("chat_template")?;
    let named = || value.as_array()?.iter().find(|v| v.get("name").is_some_and(|n| n == "default"));
    value.as_str().or_else(|| named()?.get("template")?.as_str())
}

/// `eos_token_id`, one id or several.
fn end_ids(config: &ConfigFile) -> Loaded<Vec<u32>> {
    let one = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    let ids = match config.get("eos_token_id") {
        None => Some(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(one).collect(),
        Some(value) => one(value).map(|id| vec![id]),
    };
    ids.ok_or_else(|| config.problem("eos_token_id", "a token id or a list of them is needed"))
}

/// True when a GGUF value is absent or a list with one element for each token.
pub(super) fn fits(value: Option<&MetaValue>, tokens: usize) -> bool {
    match value {
        None => true,
        Some(MetaValue::Integers(list)) => list.len() == tokens,
        Some(MetaValue::Numbers(list)) => list.len() == tokens,
        Some(_) => false,
    }
}
