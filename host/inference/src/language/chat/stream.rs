//! Text from tokens as they come: whole characters only, and nothing that may turn out to be a stop text.

use super::tokenizer::ChatTokenizer;
use crate::language::LanguageError;

/// Tokens that an unfinished character may take; a character has at most four bytes.
const MAX_HELD: usize = 8;
/// Stands for bytes that are not, or not yet, a character.
const UNFINISHED: char = '\u{fffd}';

/// Gathers the text of an answer.
pub(super) struct TextStream<'a> {
    tokenizer: &'a ChatTokenizer,
    stops: &'a [String],
    /// Tokens from the last but one piece on: decoders drop a space at the very beginning, so a piece is what its
    /// tokens add to the ones before.
    ids: Vec<u32>,
    /// How many of `ids` are in the text already.
    told: usize,
    /// The text so far.
    text: String,
    /// Bytes of the text that were handed out.
    given: usize,
}

/// What a token brought.
pub(super) enum Piece {
    /// Text to hand out, which may be empty.
    Text(String),
    /// The rest of the text before a stop text.
    Stopped(String),
}

impl<'a> TextStream<'a> {
    pub(super) fn new(tokenizer: &'a ChatTokenizer, stops: &'a [String]) -> Self {
        Self { tokenizer, stops, ids: Vec::new(), told: 0, text: String::new(), given: 0 }
    }

    /// Adds a token.
    pub(super) fn push(&mut self, id: u32) -> Result<Piece, LanguageError> {
        self.ids.push(id);
        let held = self.ids.len() - self.told;
        let Some(added) = self.added(held > MAX_HELD)? else { return Ok(Piece::Text(String::new())) };
        let searched = self.text.len();
        self.text.push_str(&added);
        let stop = self.stops.iter().filter_map(|stop| self.find(stop, searched)).min();
        if let Some(place) = stop {
            self.text.truncate(place);
            return Ok(Piece::Stopped(self.give(place)));
        }
        let withheld = self.stops.iter().map(|stop| beginning_at_end(&self.text, stop)).max().unwrap_or(0);
        Ok(Piece::Text(self.give(self.text.len() - withheld)))
    }

    /// What was withheld, now that no more tokens come.
    pub(super) fn rest(&mut self) -> Result<String, LanguageError> {
        if let Some(added) = self.added(true)? {
            self.text.push_str(added.trim_end_matches(UNFINISHED));
        }
        Ok(self.give(self.text.len()))
    }

    /// The text that was handed out.
    pub(super) fn into_text(mut self) -> String {
        self.text.truncate(self.given);
        self.text
    }

    /// The text that the latest tokens add; none while it ends within a character.
    fn added(&mut self, at_once: bool) -> Result<Option<String>, LanguageError> {
        let before = self.tokenizer.decode(self.ids.get(..self.told).unwrap_or_default())?;
        let now = self.tokenizer.decode(&self.ids)?;
        let added = now.get(before.len()..).unwrap_or_default();
        if added.is_empty() || (added.ends_with(UNFINISHED) && !at_once) {
            return Ok(None);
        }
        self.ids.drain(..self.told);
        self.told = self.ids.len();
        Ok(Some(added.to_owned()))
    }

    /// Where a stop text begins that ends after `searched` bytes.
    fn find(&self, stop: &str, searched: usize) -> Option<usize> {
        let mut from = searched.saturating_sub(stop.len());
        while !self.text.is_char_boundary(from) {
            from -= 1;
        }
        Some(from + self.text.get(from..)?.find(stop)?)
    }

    fn give(&mut self, end: usize) -> String {
        let piece = self.text.get(self.given..end).unwrap_or_default().to_owned();
        self.given += piece.len();
        piece
    }
}

/// Bytes at the end of `text` that are the beginning of `stop`.
fn beginning_at_end(text: &str, stop: &str) -> usize {
    let beginnings = stop.char_indices().map(|(length, _)| length).rev();
    beginnings.filter_map(|length| stop.get(..length)).find(|b| text.ends_with(b)).map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_become_a_stop_text_is_found_at_the_end() {
        assert_eq!(beginning_at_end("one END", "END"), 0);
        assert_eq!(beginning_at_end("one EN", "END"), 2);
        assert_eq!(beginning_at_end("née", "éea"), 3);
        assert_eq!(beginning_at_end("", "END"), 0);
    }
}
