//! Where tokenizers come from: a model's folder, or the vocabularies that come with this crate, for models in single
//! files, which hold none. What they are and whose is told in `vocabularies/README.md`.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tokenizers::Tokenizer;

use crate::weights::{BrokenFile, Loaded};

/// Longest vocabulary once it is unpacked.
const MAX_BYTES: u64 = 16 << 20;
/// Marks whose numbers follow those of Qwen's merges; the first of them are special.
const QWEN_MARKS: [&str; 26] = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
];
const QWEN_SPECIAL_MARKS: usize = 14;
/// The words that Qwen's tokenizer splits a text into.
const QWEN_WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// A published vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vocabulary {
    /// CLIP's; windows are filled up with the end mark, as OpenAI's encoders were trained.
    Clip,
    /// The same; windows are filled up with the token 0, as OpenCLIP's encoders were trained.
    OpenClip,
    /// T5's.
    T5,
    /// Qwen3's.
    Qwen3,
}

/// Where a tokenizer comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenizerSource {
    /// A folder as transformers saves it.
    Folder(PathBuf),
    /// The crate itself.
    Published(Vocabulary),
}

impl From<&Path> for TokenizerSource {
    fn from(folder: &Path) -> Self {
        Self::Folder(folder.to_path_buf())
    }
}

impl From<&PathBuf> for TokenizerSource {
    fn from(folder: &PathBuf) -> Self {
        Self::Folder(folder.clone())
    }
}

impl From<Vocabulary> for TokenizerSource {
    fn from(vocabulary: Vocabulary) -> Self {
        Self::Published(vocabulary)
    }
}

impl TokenizerSource {
    /// What errors call it.
    pub(crate) fn place(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.clone(),
            Self::Published(vocabulary) => vocabulary.place(),
        }
    }
}

impl Vocabulary {
    /// What errors call it.
    pub(crate) fn place(self) -> PathBuf {
        PathBuf::from(match self {
            Self::Clip | Self::OpenClip => "the vocabulary of CLIP",
            Self::T5 => "the vocabulary of T5",
            Self::Qwen3 => "the vocabulary of Qwen3",
        })
    }

    /// The `tokenizer.json` of T5, or the merges of the others, the most common first.
    pub(crate) fn text(self) -> Loaded<String> {
        let packed: &[u8] = match self {
            Self::Clip | Self::OpenClip => include_bytes!("../../vocabularies/clip-merges.txt.gz"),
            Self::T5 => include_bytes!("../../vocabularies/t5-tokenizer.json.gz"),
            Self::Qwen3 => include_bytes!("../../vocabularies/qwen-merges.txt.gz"),
        };
        let mut text = String::new();
        let read = GzDecoder::new(packed).take(MAX_BYTES).read_to_string(&mut text);
        read.map(|_| text).map_err(|e| BrokenFile::new(self.place(), e))
    }
}

/// Qwen3's tokenizer.
pub(crate) fn qwen3_tokenizer() -> Loaded<Tokenizer> {
    let merges = Vocabulary::Qwen3.text()?;
    let merges: Vec<&str> = merges.lines().collect();
    let vocabulary = byte_pair_vocabulary(&merges, &[""], &[]);
    let first = vocabulary.len();
    let mark = |(number, mark): (usize, &&str)| {
        json!({
            "id": first + number, "content": mark, "special": number < QWEN_SPECIAL_MARKS,
            "single_word": false, "lstrip": false, "rstrip": false, "normalized": false
        })
    };
    let bytes = |use_regex: bool| -> Value {
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": use_regex})
    };
    let description = json!({
        "version": "1.0",
        "added_tokens": QWEN_MARKS.iter().enumerate().map(mark).collect::<Vec<_>>(),
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": QWEN_WORDS}, "behavior": "Isolated", "invert": false},
            bytes(false)
        ]},
        "post_processor": bytes(false),
        "decoder": bytes(false),
        "model": {"type": "BPE", "vocab": vocabulary, "merges": merges}
    });
    serde_json::from_value(description).map_err(|e| BrokenFile::new(Vocabulary::Qwen3.place(), e))
}

/// The tokens of a byte-pair vocabulary in the order of their numbers: every byte with each of some endings, what the
/// merges join, and marks (`bytes_to_unicode` of OpenAI's GPT-2 and CLIP).
pub(crate) fn byte_pair_vocabulary(
    merges: &[&str],
    endings: &[&str],
    marks: &[&str],
) -> BTreeMap<String, u32> {
    let bytes = || byte_letters();
    let singles = endings.iter().flat_map(|ending| bytes().map(move |letter| format!("{letter}{ending}")));
    let joined = merges.iter().map(|merge| merge.replace(' ', ""));
    let marks = marks.iter().map(|mark| (*mark).to_owned());
    singles.chain(joined).chain(marks).zip(0u32..).collect()
}

/// A letter for each byte: those that can be shown stand for themselves and come first.
fn byte_letters() -> impl Iterator<Item = char> {
    let shown = |byte: &u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let hidden = (0..256u32).filter(move |byte| !shown(byte)).zip(256u32..).map(|(_, letter)| letter);
    (0..256u32).filter(shown).chain(hidden).filter_map(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qwens_tokens_have_their_published_numbers() {
        let tokenizer = qwen3_tokenizer().unwrap();
        assert_eq!(tokenizer.get_vocab_size(true), 151_669);
        let ids = |text: &str| tokenizer.encode_fast(text, false).unwrap().get_ids().to_vec();
        assert_eq!(ids("Hello, world!"), [9707, 11, 1879, 0]);
        assert_eq!(ids("<|im_start|>user\n"), [151_644, 872, 198]);
        assert_eq!(ids("<think>\n\n</think>\n\n"), [151_667, 271, 151_668, 271]);
    }
}
