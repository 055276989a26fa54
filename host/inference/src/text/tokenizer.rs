//! CLIP's byte-pair tokenizer, from `tokenizer.json` or from the older `vocab.json` with `merges.txt`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use tokenizers::Tokenizer;

use super::ClipConfig;
use super::chunks::{Chunk, Token, chunks};
use super::published::{TokenizerSource, Vocabulary, byte_pair_vocabulary};
use crate::weights::{BrokenFile, ConfigFile, Loaded, read_text};

/// Longest tokenizer file that is read.
const MAX_TOKENIZER: u64 = 64 << 20;
/// The words that CLIP's tokenizer splits a prompt into.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// What ends a word, and what fills the windows of OpenCLIP's encoders: the token 0.
const WORD_END: &str = "</w>";
const FILLER: &str = "!";

/// The comma as a word's end, at which long prompts are split.
const COMMA: &str = ",</w>";

/// Turns prompts into token windows of fixed length.
pub struct ClipTokenizer {
    tokenizer: Tokenizer,
    marks: Marks,
}

/// The tokens that windows are made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) padding: u32,
    /// Tokens of a window.
    pub(super) window: usize,
    /// None if the vocabulary has no comma.
    pub(super) comma: Option<u32>,
}

/// The tokens of one prompt, start and end marks included, padded to the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenWindow {
    /// Exactly as many ids as the window is long.
    pub ids: Vec<u32>,
    /// How many tokens of the prompt did not fit and were left out.
    pub dropped: usize,
}

impl ClipTokenizer {
    /// Reads the tokenizer of a model for its text encoder, from a folder or as it was published.
    ///
    /// # Errors
    /// A file is missing or broken, the special tokens are not in the vocabulary, or the text encoder knows fewer
    /// tokens.
    pub fn load(source: impl Into<TokenizerSource>, encoder: &ClipConfig) -> Loaded<Self> {
        let source = source.into();
        let (mut tokenizer, settings) = match &source {
            TokenizerSource::Folder(folder) => from_folder(folder)?,
            TokenizerSource::Published(vocabulary) => from_published(*vocabulary)?,
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

        let longest = encoder.positions;
        let id = |key: &str, default: &str| {
            let token = special_token(&settings, key).unwrap_or(default);
            tokenizer
                .token_to_id(token)
                .ok_or_else(|| BrokenFile::new(folder, format!("the vocabulary has no `{token}` ({key})")))
        };
        let (start, end) = (id("bos_token", START)?, id("eos_token", END)?);
        let padding = id("pad_token", END)?;
        // Some files say 1e30 for "no limit".
        let window = match settings.get("model_max_length").and_then(serde_json::Value::as_u64) {
            Some(length) => usize::try_from(length).unwrap_or(longest).min(longest),
            None => longest,
        };
        if window < 3 {
            return Err(settings.problem("model_max_length", format!("{window} leaves no room for a prompt")));
        }
        let comma = tokenizer.token_to_id(COMMA);
        Ok(Self { tokenizer, marks: Marks { start, end, padding, window, comma } })
    }

    /// Tokenizes a prompt into one window.
    ///
    /// # Errors
    /// The tokenizer's own message; its rules do not apply to this text.
    pub fn window(&self, prompt: &str) -> Result<TokenWindow, String> {
        let Marks { start, end, padding, window, .. } = self.marks;
        let words = self.words(prompt)?;
        let room = window - 2;
        let kept = words.iter().copied().take(room);
        let mut ids: Vec<u32> = std::iter::once(start).chain(kept).chain([end]).collect();
        ids.resize(window, padding);
        Ok(TokenWindow { ids, dropped: words.len().saturating_sub(room) })
    }

    /// The ids of a text's tokens, without marks.
    ///
    /// # Errors
    /// As [`ClipTokenizer::window`].
    pub fn words(&self, text: &str) -> Result<Vec<u32>, String> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(|e| e.to_string())?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Lays tokens into as many windows as they need, at least one.
    pub fn chunks(&self, tokens: &[Token]) -> Vec<Chunk> {
        chunks(tokens, &self.marks)
    }
}

/// Reads a `tokenizer.json`.
pub(crate) fn tokenizer_from_json(path: &Path) -> Loaded<Tokenizer> {
    parse_tokenizer(path, &read_text(path, MAX_TOKENIZER)?)
}

/// Parses a `tokenizer.json` as if read from `path`.
pub(crate) fn parse_tokenizer(path: &Path, text: &str) -> Loaded<Tokenizer> {
    text.parse::<Tokenizer>().map_err(|e| BrokenFile::new(path, format!("is not a tokenizer: {e}")))
}

/// The older pair of files that describes a byte-pair tokenizer.
pub(crate) struct VocabularyFiles {
    path: PathBuf,
    /// Tokens by their text.
    pub(crate) vocabulary: BTreeMap<String, u32>,
    /// Pairs that become one token, the most common first.
    pub(crate) merges: Vec<String>,
}

impl VocabularyFiles {
    /// Reads `vocab.json` and `merges.txt`.
    pub(crate) fn read(folder: &Path) -> Loaded<Self> {
        let path = folder.join("vocab.json");
        if !path.is_file() {
            return Err(BrokenFile::new(
                folder,
                "has neither `tokenizer.json` nor `vocab.json` with `merges.txt`",
            ));
        }
        let vocabulary = serde_json::from_str(&read_text(&path, MAX_TOKENIZER)?)
            .map_err(|e| BrokenFile::new(&path, format!("is not a vocabulary: {e}")))?;
        let merges = read_text(&folder.join("merges.txt"), MAX_TOKENIZER)?;
        let merges = merges.lines().filter(|line| !line.starts_with("#version") && !line.trim().is_empty());
        Ok(Self { path, vocabulary, merges: merges.map(str::to_owned).collect() })
    }

    /// Descriptions of those of `marks` that the vocabulary has, as special tokens.
    pub(crate) fn special_tokens(&self, marks: &[&str]) -> Vec<serde_json::Value> {
        let describe = |mark: &&str| {
            Some(json!({
                "id": self.vocabulary.get(*mark)?, "content": mark, "special": true,
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false
            }))
        };
        marks.iter().filter_map(describe).collect()
    }

    /// The tokenizer of a whole description.
    pub(crate) fn tokenizer(&self, description: serde_json::Value) -> Loaded<Tokenizer> {
        serde_json::from_value(description)
            .map_err(|e| BrokenFile::new(&self.path, format!("does not fit `merges.txt`: {e}")))
    }
}

/// The tokenizer and the settings of a folder.
fn from_folder(folder: &Path) -> Loaded<(Tokenizer, ConfigFile)> {
    let joined = folder.join("tokenizer.json");
    let tokenizer = if joined.is_file() {
        tokenizer_from_json(&joined)?
    } else {
        from_vocabulary(&VocabularyFiles::read(folder)?)?
    };
    let settings = folder.join("tokenizer_config.json");
    let settings =
        if settings.is_file() { ConfigFile::read(&settings)? } else { ConfigFile::parse(&settings, "{}")? };
    Ok((tokenizer, settings))
}

/// The tokenizer and the settings as they were published.
fn from_published(vocabulary: Vocabulary) -> Loaded<(Tokenizer, ConfigFile)> {
    let place = vocabulary.place();
    let padding = match vocabulary {
        Vocabulary::OpenClip => FILLER,
        _ => END,
    };
    let settings = ConfigFile::parse(&place, &json!({"pad_token": padding}).to_string())?;
    let text = vocabulary.text()?;
    let merges: Vec<&str> = text.lines().collect();
    let files = VocabularyFiles {
        path: place,
        vocabulary: byte_pair_vocabulary(&merges, &["", WORD_END], &[START, END]),
        merges: merges.into_iter().map(str::to_owned).collect(),
    };
    Ok((from_vocabulary(&files)?, settings))
}

/// Builds the tokenizer as CLIP defines it around a vocabulary and merge list.
fn from_vocabulary(files: &VocabularyFiles) -> Loaded<Tokenizer> {
    files.tokenizer(json!({
        "version": "1.0",
        "added_tokens": files.special_tokens(&[START, END]),
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"},
            {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
            {"type": "Lowercase"}
        ]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Removed", "invert": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
        ]},
        "model": {
            "type": "BPE", "unk_token": END, "end_of_word_suffix": WORD_END,
            "vocab": files.vocabulary, "merges": files.merges
        }
    }))
}

/// A special token, which files write as a text or as an object with `content`.
pub(crate) fn special_token<'a>(settings: &'a ConfigFile, key: &str) -> Option<&'a str> {
    let value = settings.get(key)?;
    value.as_str().or_else(|| value.get("content")?.as_str())
}
