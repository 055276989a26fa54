//! The vocabulary of a MarianMT model: pieces of text to ids, and ids back to text.

use std::collections::BTreeMap;
use std::path::Path;

use crate::language::marian::MarianConfig;
use crate::language::sentencepiece::SentencePiece;
use crate::weights::{BrokenFile, Loaded, read_text};

/// Longest vocabulary file that is read.
const MAX_VOCABULARY: u64 = 64 << 20;
/// Stands for a space.
const SPACE: &str = "▁";
/// Stands for what is not in the vocabulary.
const UNKNOWN: &str = "<unk>";

/// Turns text of the source language into ids, and ids into text of the target language.
pub struct MarianVocabulary {
    pieces: SentencePiece,
    source: BTreeMap<String, u32>,
    target: BTreeMap<u32, String>,
    unknown: u32,
    end: u32,
    padding: u32,
}

impl MarianVocabulary {
    /// Reads `source.spm`, `vocab.json` and, where there is one, `target_vocab.json`. `target.spm` is not needed: ids
    /// come from the vocabulary, and pieces join by themselves.
    ///
    /// # Errors
    /// A file is missing or broken, or has ids that the model does not know.
    pub fn read(folder: &Path, config: &MarianConfig) -> Loaded<Self> {
        let source = read_ids(&folder.join("vocab.json"), config.source_vocabulary)?;
        let own = folder.join("target_vocab.json");
        let target = if own.is_file() { read_ids(&own, config.target_vocabulary)? } else { source.clone() };
        let unknown = source.get(UNKNOWN).copied().ok_or_else(|| {
            BrokenFile::new(folder.join("vocab.json"), format!("has no `{UNKNOWN}` among its tokens"))
        })?;
        Ok(Self {
            pieces: SentencePiece::read(&folder.join("source.spm"))?,
            source,
            target: target.into_iter().map(|(piece, id)| (id, piece)).collect(),
            unknown,
            end: config.end,
            padding: config.padding,
        })
    }

    /// The ids of a text, the end mark left out.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let id = |piece: String| self.source.get(&piece).copied().unwrap_or(self.unknown);
        self.pieces.pieces(text).into_iter().map(id).collect()
    }

    /// The text of ids, without marks.
    pub fn decode(&self, ids: &[u32]) -> String {
        let marks = [self.unknown, self.end, self.padding];
        let pieces = ids.iter().filter(|id| !marks.contains(id)).filter_map(|id| self.target.get(id));
        let text: String = pieces.map(String::as_str).collect();
        text.replace(SPACE, " ").trim().to_owned()
    }

    /// The token by which models of several target languages are told which, `>>fra<<`, if `text` begins with one,
    /// and the text after it.
    pub fn target_language<'a>(&self, text: &'a str) -> (Option<u32>, &'a str) {
        let mark = text.strip_prefix(">>").and_then(|rest| rest.find("<<")).map(|place| place + 4);
        let split = mark.and_then(|end| text.split_at_checked(end));
        match split.and_then(|(mark, rest)| Some((*self.source.get(mark)?, rest))) {
            Some((id, rest)) => (Some(id), rest.trim_start()),
            None => (None, text),
        }
    }
}

fn read_ids(path: &Path, most: usize) -> Loaded<BTreeMap<String, u32>> {
    let text = read_text(path, MAX_VOCABULARY)?;
    let ids: BTreeMap<String, u32> = serde_json::from_str(&text)
        .map_err(|e| BrokenFile::new(path, format!("is not a vocabulary: {e}")))?;
    match ids.iter().find(|(_, id)| **id as usize >= most) {
        None => Ok(ids),
        Some((piece, id)) => {
            Err(BrokenFile::new(path, format!("`{piece}` has id {id}, the model knows {most} tokens")))
        }
    }
}
