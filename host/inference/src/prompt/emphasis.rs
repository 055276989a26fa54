//! Words with weights: `(more)`, `[less]`, `(as much:1.3)`, `BREAK`, and escapes such as `\(`.

use super::PromptSyntax;
use super::mentions::next_mention;

/// What a pair of round brackets multiplies weights by; square ones divide by it.
const STEP: f64 = 1.1;
/// Brackets within brackets that count as such; deeper ones are letters.
const MAX_DEPTH: usize = 32;
/// Largest weight, to either side of 0.
const MAX_WEIGHT: f64 = 100.0;
/// The word that begins a new window.
const BREAK: &str = "BREAK";

/// A prompt at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptText {
    /// Its pieces, in their order.
    pub pieces: Vec<Piece>,
}

/// A piece of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Words of one weight.
    Words {
        /// The words.
        text: String,
        /// How much they count, -100 to 100; 1 is usual.
        weight: f64,
    },
    /// The vectors of an embedding.
    Embedding {
        /// Its place in the list of those that the prompt was read with.
        which: usize,
        /// As that of words.
        weight: f64,
    },
    /// What follows is read in a window of its own.
    Break,
}

impl PromptText {
    /// Words that are nothing but words.
    pub fn plain(text: &str) -> Self {
        Self { pieces: vec![Piece::Words { text: text.to_owned(), weight: 1.0 }] }
    }

    /// Reads a text, in which embeddings of these names may be mentioned.
    pub fn read(text: &str, syntax: PromptSyntax, embeddings: &[&str]) -> Self {
        if syntax == PromptSyntax::Plain {
            return Self::plain(text);
        }
        let mut reader = Reader::default();
        reader.read(text);
        let pieces = reader.finish();
        Self { pieces: pieces.into_iter().flat_map(|piece| with_embeddings(piece, embeddings)).collect() }
    }

    /// All words, without weights and breaks.
    pub fn words(&self) -> String {
        let words = self.pieces.iter().map(|piece| match piece {
            Piece::Words { text, .. } => text.as_str(),
            Piece::Break => " ",
            Piece::Embedding { .. } => "",
        });
        words.collect()
    }

    /// True if it says nothing.
    pub fn is_empty(&self) -> bool {
        let blank = |piece: &Piece| match piece {
            Piece::Words { text, .. } => text.trim().is_empty(),
            Piece::Break => true,
            Piece::Embedding { .. } => false,
        };
        self.pieces.iter().all(blank)
    }

    /// True if some words count more or less than others.
    pub fn is_weighed(&self) -> bool {
        let weighed = |piece: &Piece| match piece {
            Piece::Words { weight, .. } | Piece::Embedding { weight, .. } => *weight != 1.0,
            Piece::Break => false,
        };
        self.pieces.iter().any(weighed)
    }

    /// True if it is to be read in several windows.
    pub fn has_breaks(&self) -> bool {
        self.pieces.contains(&Piece::Break)
    }
}

/// A piece split where it mentions embeddings.
fn with_embeddings(piece: Piece, names: &[&str]) -> Vec<Piece> {
    let Piece::Words { text, weight } = &piece else { return vec![piece] };
    let (weight, mut rest, mut pieces) = (*weight, text.as_str(), Vec::new());
    while let Some(mention) = next_mention(rest, names) {
        if !mention.before.is_empty() {
            pieces.push(Piece::Words { text: mention.before.to_owned(), weight });
        }
        pieces.push(Piece::Embedding { which: mention.which, weight });
        rest = mention.after;
    }
    if pieces.is_empty() {
        return vec![piece];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Words { text: rest.to_owned(), weight });
    }
    pieces
}

/// Reads letter by letter, with the places at which brackets were opened.
#[derive(Default)]
struct Reader {
    pieces: Vec<Piece>,
    round: Vec<usize>,
    square: Vec<usize>,
}

impl Reader {
    fn read(&mut self, text: &str) {
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let after = rest.get(letter.len_utf8()..).unwrap_or_default();
            let deep = self.round.len() + self.square.len() >= MAX_DEPTH;
            rest = match letter {
                '\\' => self.escaped(after),
                '(' if !deep => {
                    self.round.push(self.pieces.len());
                    after
                }
                '[' if !deep => {
                    self.square.push(self.pieces.len());
                    after
                }
                ')' => {
                    let opened = self.round.pop();
                    self.closed(opened, STEP, ")");
                    after
                }
                ']' => {
                    let opened = self.square.pop();
                    self.closed(opened, 1.0 / STEP, "]");
                    after
                }
                ':' => self.colon(after),
                '(' | '[' => {
                    self.words(letter.encode_utf8(&mut [0; 4]));
                    after
                }
                _ => {
                    let end = rest.find(['\\', '(', ')', '[', ']', ':']).unwrap_or(rest.len());
                    let (words, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                    self.words_and_breaks(words);
                    after
                }
            };
        }
    }

    /// The letter after a backslash stands for itself; the backslash is gone.
    fn escaped<'a>(&mut self, after: &'a str) -> &'a str {
        match after.chars().next() {
            Some(letter @ ('(' | ')' | '[' | ']' | '\\')) => {
                self.words(letter.encode_utf8(&mut [0; 4]));
                after.get(letter.len_utf8()..).unwrap_or_default()
            }
            _ => after,
        }
    }

    /// A colon, which may begin a weight that closes a round bracket.
    fn colon<'a>(&mut self, after: &'a str) -> &'a str {
        if let Some((weight, rest)) = closing_weight(after)
            && let Some(opened) = self.round.pop()
        {
            self.multiply(opened, weight);
            return rest;
        }
        self.words(":");
        after
    }

    /// Weighs what was opened at a piece; without one the bracket is a letter.
    fn closed(&mut self, opened: Option<usize>, factor: f64, bracket: &str) {
        match opened {
            Some(first) => self.multiply(first, factor),
            None => self.words(bracket),
        }
    }

    fn multiply(&mut self, first: usize, factor: f64) {
        for piece in self.pieces.iter_mut().skip(first) {
            if let Piece::Words { weight, .. } = piece {
                *weight = (*weight * factor).clamp(-MAX_WEIGHT, MAX_WEIGHT);
            }
        }
    }

    fn words(&mut self, text: &str) {
        self.pieces.push(Piece::Words { text: text.to_owned(), weight: 1.0 });
    }

    /// Words between which [`BREAK`] may stand, with or without blanks around it.
    fn words_and_breaks(&mut self, text: &str) {
        let mut rest = text;
        while let Some((before, after)) = split_at_break(rest) {
            self.words(before.trim_end());
            self.pieces.push(Piece::Break);
            rest = after.trim_start();
        }
        self.words(rest);
    }

    /// Closes what is still open and joins words of one weight.
    fn finish(mut self) -> Vec<Piece> {
        for first in std::mem::take(&mut self.round) {
            self.multiply(first, STEP);
        }
        for first in std::mem::take(&mut self.square) {
            self.multiply(first, 1.0 / STEP);
        }
        let mut joined: Vec<Piece> = Vec::new();
        for piece in self.pieces {
            match (joined.last_mut(), piece) {
                (Some(Piece::Words { text, weight }), Piece::Words { text: more, weight: same })
                    if *weight == same =>
                {
                    text.push_str(&more);
                }
                (_, piece) => joined.push(piece),
            }
        }
        joined.retain(|piece| !matches!(piece, Piece::Words { text, .. } if text.is_empty()));
        joined
    }
}

/// The weight that a text begins with and the text after it, if a round bracket closes right behind.
fn closing_weight(text: &str) -> Option<(f64, &str)> {
    let of_number = |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | '+' | '-' | ' ');
    let (number, rest) = text.split_at_checked(text.find(|letter| !of_number(letter))?)?;
    Some((number.trim().parse().ok()?, rest.strip_prefix(')')?))
}

/// What is before and after the first [`BREAK`] that is a word of its own.
fn split_at_break(text: &str) -> Option<(&str, &str)> {
    let joins = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    text.match_indices(BREAK).find_map(|(at, word)| {
        let (before, rest) = text.split_at_checked(at)?;
        let after = rest.strip_prefix(word)?;
        (!joins(before.chars().last()) && !joins(after.chars().next())).then_some((before, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighed(text: &str) -> Vec<(String, f64)> {
        let read = PromptText::read(text, PromptSyntax::Weighted, &[]);
        let words = read.pieces.into_iter().map(|piece| match piece {
            Piece::Words { text, weight } => (text, (weight * 1e6).round() / 1e6),
            Piece::Break => ("|".to_owned(), 0.0),
            Piece::Embedding { .. } => panic!("no embedding was given"),
        });
        words.collect()
    }

    #[test]
    fn weights_are_those_of_the_web_interface_that_the_syntax_is_from() {
        let cases: &[(&str, &[(&str, f64)])] = &[
            ("normal text", &[("normal text", 1.0)]),
            ("an (important) word", &[("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
            ("(unbalanced", &[("unbalanced", 1.1)]),
            (r"\(literal\]", &[("(literal]", 1.0)]),
            ("(unnecessary)(parens)", &[("unnecessaryparens", 1.1)]),
            (
                "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
                &[
                    ("a ", 1.0),
                    ("house", 1.573),
                    (" ", 1.1),
                    ("on", 1.0),
                    (" a ", 1.1),
                    ("hill", 0.55),
                    (", sun, ", 1.1),
                    ("sky", 1.4641),
                    (".", 1.1),
                ],
            ),
            ("(a:-1)", &[("a", -1.0)]),
            ("(a:1e9)", &[("a:1e9", 1.1)]),
            ("(a:9999)", &[("a", 100.0)]),
            ("a:1.2) b", &[("a:1.2) b", 1.0)]),
            ("4:3 picture", &[("4:3 picture", 1.0)]),
            ("", &[]),
        ];
        for (text, wanted) in cases {
            let wanted: Vec<_> =
                wanted.iter().map(|(words, weight)| ((*words).to_owned(), *weight)).collect();
            assert_eq!(weighed(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_break_is_a_word_of_its_own() {
        let words = |text: &str| weighed(text).into_iter().map(|(words, _)| words).collect::<Vec<_>>();
        assert_eq!(words("a fox  BREAK a hill"), ["a fox", "|", "a hill"]);
        assert_eq!(words("(a BREAK b:1.2)"), ["a", "|", "b"]);
        assert_eq!(words("BREAKING NEWS, BREAK_A"), ["BREAKING NEWS, BREAK_A"]);
        assert_eq!(words("BREAK"), ["|"]);
    }

    #[test]
    fn embeddings_are_found_by_name_and_weighed_with_what_is_around_them() {
        let read = PromptText::read("blur, (EasyNegative:1.2)", PromptSyntax::Weighted, &["easynegative"]);
        assert_eq!(
            read.pieces,
            [
                Piece::Words { text: "blur, ".to_owned(), weight: 1.0 },
                Piece::Embedding { which: 0, weight: 1.2 }
            ]
        );
        assert_eq!(read.words(), "blur, ");
    }

    #[test]
    fn plain_text_keeps_every_letter() {
        let text = r"a (fox:1.2) [b|c] BREAK \( easynegative";
        assert_eq!(PromptText::read(text, PromptSyntax::Plain, &["easynegative"]), PromptText::plain(text));
    }

    #[test]
    fn brackets_without_end_do_not_take_long() {
        for text in ["(".repeat(30_000), "([".repeat(15_000), "(a)".repeat(10_000), "(a:".repeat(10_000)] {
            assert!(!weighed(&text).is_empty());
        }
        assert!(weighed(&("(".repeat(20_000) + "a" + &")".repeat(10_000)))[0].1.is_finite());
    }
}
