//! SentencePiece models as they come (`*.spm`): normalising text and cutting it into pieces of a unigram vocabulary.
//!
//! The file is a protobuf message, described by `sentencepiece_model.proto` of the SentencePiece project.

mod normalizer;
mod protobuf;
mod unigram;

use std::path::Path;

use normalizer::Normalizer;
use protobuf::{Field, fields};
use unigram::Unigram;

use crate::weights::{BrokenFile, Loaded, read_bytes};

/// Longest model that is read.
const MAX_BYTES: u64 = 64 << 20;
/// Most pieces of a vocabulary.
const MAX_PIECES: usize = 1 << 20;

/// What a piece of the vocabulary is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PieceKind {
    /// Found in text, by its score.
    Normal,
    /// Stands for what is not in the vocabulary, or for something that is not text.
    Mark,
    /// Found in text wherever it occurs.
    UserDefined,
    /// Stands for a byte.
    Byte,
}

/// An entry of the vocabulary.
#[derive(Debug, Clone)]
struct Piece {
    text: String,
    score: f32,
    kind: PieceKind,
}

/// A loaded model.
pub struct SentencePiece {
    normalizer: Normalizer,
    unigram: Unigram,
}

impl SentencePiece {
    /// Reads a model.
    ///
    /// # Errors
    /// The file cannot be read, contradicts itself, or is of a kind that is not supported.
    pub fn read(path: &Path) -> Loaded<Self> {
        let bytes = read_bytes(path, MAX_BYTES)?;
        Self::parse(&bytes).map_err(|problem| BrokenFile::new(path, problem))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut normalizer = None;
        for field in fields(bytes) {
            match field? {
                (1, Field::Bytes(piece)) if pieces.len() < MAX_PIECES => pieces.push(read_piece(piece)?),
                (1, _) => return Err(format!("has more than {MAX_PIECES} pieces")),
                (2, Field::Bytes(trainer)) => check_trainer(trainer)?,
                (3, Field::Bytes(spec)) => normalizer = Some(spec),
                _ => {}
            }
        }
        let user_defined = pieces.iter().filter(|piece| piece.kind == PieceKind::UserDefined);
        let user_defined = user_defined.map(|piece| piece.text.clone()).collect();
        Ok(Self {
            normalizer: Normalizer::parse(normalizer.unwrap_or_default(), user_defined)?,
            unigram: Unigram::new(pieces)?,
        })
    }

    /// The pieces of a text. What the vocabulary lacks comes as runs of text that are no pieces.
    pub fn pieces(&self, text: &str) -> Vec<String> {
        self.unigram.cut(&self.normalizer.normalize(text))
    }
}

fn read_piece(bytes: &[u8]) -> Result<Piece, String> {
    let mut piece = Piece { text: String::new(), score: 0.0, kind: PieceKind::Normal };
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(text)) => {
                let text = std::str::from_utf8(text).map_err(|_| "has a piece that is not UTF-8")?;
                text.clone_into(&mut piece.text);
            }
            (2, Field::Fixed32(score)) => piece.score = f32::from_le_bytes(score),
            (3, Field::Integer(kind)) => {
                piece.kind = match kind {
                    1 => PieceKind::Normal,
                    4 => PieceKind::UserDefined,
                    6 => PieceKind::Byte,
                    // Unknown, control, and unused pieces are not looked for in text.
                    _ => PieceKind::Mark,
                }
            }
            _ => {}
        }
    }
    if piece.score.is_finite() { Ok(piece) } else { Err(format!("piece `{}` has no score", piece.text)) }
}

fn check_trainer(bytes: &[u8]) -> Result<(), String> {
    for field in fields(bytes) {
        match field? {
            (3, Field::Integer(1)) => {}
            (3, Field::Integer(kind)) => {
                let kind = match kind {
                    2 => "BPE",
                    3 => "word",
                    4 => "character",
                    _ => "unknown",
                };
                return Err(format!("is a {kind} model, only unigram models are supported"));
            }
            (24, Field::Integer(1)) => {
                return Err("marks spaces behind words, which is not supported".to_owned());
            }
            _ => {}
        }
    }
    Ok(())
}
