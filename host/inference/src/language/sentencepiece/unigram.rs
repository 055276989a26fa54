//! Cutting text into the pieces that are likeliest together (Kudo, arXiv 1804.10959), by dynamic programming from left
//! to right.
//!
//! Follows `unigram_model.cc` of SentencePiece (`EncodeOptimized`), in its single precision.

use std::collections::HashMap;

use super::{Piece, PieceKind};

/// How much less likely than the unlikeliest piece a character is that the vocabulary lacks.
const UNKNOWN_PENALTY: f32 = 10.0;
/// Longest piece in bytes.
const MAX_PIECE: usize = 1 << 10;

/// A vocabulary.
#[derive(Debug)]
pub(super) struct Unigram {
    scores: HashMap<String, f32>,
    unknown_score: f32,
    longest: usize,
    /// True when the vocabulary has a piece for every byte.
    bytes: bool,
}

/// The best way to reach a place in the text.
#[derive(Clone, Copy)]
struct Reached {
    from: usize,
    score: f32,
    known: bool,
}

impl Unigram {
    pub(super) fn new(pieces: Vec<Piece>) -> Result<Self, String> {
        let normal = pieces.iter().filter(|p| p.kind == PieceKind::Normal).map(|p| p.score);
        let (least, most) = normal.fold((f32::MAX, f32::MIN), |(a, b), s| (a.min(s), b.max(s)));
        let bytes = pieces.iter().filter(|p| p.kind == PieceKind::Byte).count() == 256;
        let mut scores = HashMap::new();
        for piece in pieces {
            let score = match piece.kind {
                PieceKind::Normal => piece.score,
                PieceKind::UserDefined => piece.text.len() as f32 * most - 0.1,
                PieceKind::Mark | PieceKind::Byte => continue,
            };
            if piece.text.is_empty() || piece.text.len() > MAX_PIECE {
                return Err(format!("has a piece of {} bytes", piece.text.len()));
            }
            scores.insert(piece.text, score);
        }
        if scores.is_empty() {
            return Err("has no pieces".to_owned());
        }
        let longest = scores.keys().map(String::len).max().unwrap_or(0);
        Ok(Self { scores, unknown_score: least - UNKNOWN_PENALTY, longest, bytes })
    }

    /// The pieces of a normalised text. What is unknown comes as pieces for its bytes where the vocabulary has them,
    /// else in runs as it is.
    pub(super) fn cut(&self, text: &str) -> Vec<String> {
        let mut pieces = Vec::new();
        let mut unknown = String::new();
        for (piece, known) in self.likeliest(text) {
            if known {
                if !unknown.is_empty() {
                    pieces.push(std::mem::take(&mut unknown));
                }
                pieces.push(piece.to_owned());
            } else if self.bytes {
                pieces.extend(piece.bytes().map(|byte| format!("<0x{byte:02X}>")));
            } else {
                unknown.push_str(piece);
            }
        }
        if !unknown.is_empty() {
            pieces.push(unknown);
        }
        pieces
    }

    /// The likeliest pieces, and whether each is in the vocabulary.
    fn likeliest<'a>(&self, text: &'a str) -> Vec<(&'a str, bool)> {
        let mut best: Vec<Option<Reached>> = vec![None; text.len() + 1];
        for (from, c) in text.char_indices() {
            let before = best.get(from).copied().flatten().map_or(0.0, |reached| reached.score);
            let mut reach = |to: usize, score: f32, known: bool| {
                let score = score + before;
                if let Some(place) = best.get_mut(to)
                    && place.is_none_or(|reached| score > reached.score)
                {
                    *place = Some(Reached { from, score, known });
                }
            };
            let rest = text.get(from..).unwrap_or_default();
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8());
            let mut single = false;
            for end in ends.take_while(|end| *end <= self.longest) {
                if let Some(score) = rest.get(..end).and_then(|piece| self.scores.get(piece)) {
                    reach(from + end, *score, true);
                    single |= end == c.len_utf8();
                }
            }
            if !single {
                reach(from + c.len_utf8(), self.unknown_score, false);
            }
        }
        let mut pieces = Vec::new();
        let mut end = text.len();
        while let Some(Reached { from, known, .. }) = best.get(end).copied().flatten() {
            pieces.push((text.get(from..end).unwrap_or_default(), known));
            end = from;
        }
        pieces.reverse();
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(pieces: &[(&str, f32)]) -> Unigram {
        let piece = |(text, score): &(&str, f32)| Piece {
            text: (*text).to_owned(),
            score: *score,
            kind: PieceKind::Normal,
        };
        Unigram::new(pieces.iter().map(piece).collect()).unwrap()
    }

    #[test]
    fn the_likeliest_pieces_win_over_the_longest() {
        let unigram = vocabulary(&[("a", -1.0), ("b", -1.0), ("ab", -5.0), ("c", -3.0), ("bc", -1.5)]);
        assert_eq!(unigram.cut("abc"), ["a", "bc"]);
        assert_eq!(unigram.cut("ab"), ["a", "b"]);
        assert!(unigram.cut("").is_empty());
    }

    #[test]
    fn what_is_unknown_comes_in_runs() {
        let unigram = vocabulary(&[("a", -1.0), ("é", -2.0)]);
        assert_eq!(unigram.cut("a🦊🦊éx"), ["a", "🦊🦊", "é", "x"]);
    }
}
