//! Long prompts in windows: tokens with weights are laid into windows of the encoder's length, and a window ends at a
//! comma where one is near.
//!
//! Follows `sd_hijack_clip.py` of AUTOMATIC1111's web interface.

use super::tokenizer::Marks;

/// How far back from its end a window may end at a comma instead, in tokens.
const COMMA_REACH: usize = 20;
/// The id in the place of an embedding's rows. No mark has it, so the end of the text is found behind them.
const STAND_IN: u32 = 0;

/// What is laid into windows.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A token of the vocabulary.
    Word {
        /// Its id.
        id: u32,
        /// How much its states count.
        weight: f64,
    },
    /// Rows that stand in for tokens, which stay together.
    Vectors {
        /// Which embedding they are of.
        which: usize,
        /// How many there are.
        count: usize,
        /// How much their states count.
        weight: f64,
    },
    /// The window ends here.
    Break,
}

/// Rows in the place of a window's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mixed {
    /// The first token that they stand for.
    pub first: usize,
    /// Which embedding they are of.
    pub which: usize,
}

/// One window.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// As many ids as the window is long, marks and padding included.
    pub ids: Vec<u32>,
    /// The weight of each.
    pub weights: Vec<f64>,
    /// Embeddings among them.
    pub mixed: Vec<Mixed>,
}

/// Lays tokens into windows, at least one. Embeddings longer than a window are cut.
pub(super) fn chunks(tokens: &[Token], marks: &Marks) -> Vec<Chunk> {
    let room = marks.window.saturating_sub(2);
    let mut layer = Layer { marks, room, open: Draft::default(), done: Vec::new() };
    for token in tokens {
        match *token {
            Token::Break => layer.end_window(),
            Token::Word { id, weight } => layer.word(id, weight),
            Token::Vectors { which, count, weight } => layer.vectors(which, count, weight),
        }
    }
    if !layer.open.ids.is_empty() || layer.done.is_empty() {
        layer.end_window();
    }
    layer.done
}

/// A window that is being filled.
#[derive(Default)]
struct Draft {
    ids: Vec<u32>,
    weights: Vec<f64>,
    mixed: Vec<Mixed>,
    /// The tokens up to the latest comma, with it.
    to_comma: Option<usize>,
}

struct Layer<'a> {
    marks: &'a Marks,
    room: usize,
    open: Draft,
    done: Vec<Chunk>,
}

impl Layer<'_> {
    fn word(&mut self, id: u32, weight: f64) {
        let is_comma = self.marks.comma == Some(id);
        if self.open.ids.len() >= self.room {
            let tail = if is_comma { Draft::default() } else { self.open.after_comma() };
            self.end_window();
            self.open = tail;
        }
        self.open.ids.push(id);
        self.open.weights.push(weight);
        if is_comma {
            self.open.to_comma = Some(self.open.ids.len());
        }
    }

    fn vectors(&mut self, which: usize, count: usize, weight: f64) {
        let count = count.min(self.room);
        if self.open.ids.len() + count > self.room {
            self.end_window();
        }
        self.open.mixed.push(Mixed { first: self.open.ids.len() + 1, which });
        self.open.ids.resize(self.open.ids.len() + count, STAND_IN);
        self.open.weights.resize(self.open.ids.len(), weight);
    }

    fn end_window(&mut self) {
        let Draft { ids, weights, mixed, .. } = std::mem::take(&mut self.open);
        let window = self.marks.window;
        let mut all: Vec<u32> =
            std::iter::once(self.marks.start).chain(ids).chain([self.marks.end]).collect();
        all.resize(window, self.marks.padding);
        let mut each: Vec<f64> = std::iter::once(1.0).chain(weights).collect();
        each.resize(window, 1.0);
        self.done.push(Chunk { ids: all, weights: each, mixed });
    }
}

impl Draft {
    /// Takes what follows a comma that is near the end; nothing if none is.
    fn after_comma(&mut self) -> Self {
        let near = self.to_comma.filter(|comma| self.ids.len() - comma < COMMA_REACH);
        let Some(comma) = near else { return Self::default() };
        let moved = |mixed: &Mixed| Mixed { first: mixed.first - comma, ..*mixed };
        let (kept, taken): (Vec<_>, Vec<_>) = self.mixed.iter().partition(|mixed| mixed.first <= comma);
        self.mixed = kept;
        Self {
            ids: self.ids.split_off(comma),
            weights: self.weights.split_off(comma),
            mixed: taken.iter().map(moved).collect(),
            to_comma: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMA: u32 = 7;
    const MARKS: Marks = Marks { start: 1, end: 2, padding: 3, window: 77, comma: Some(COMMA) };

    fn words(ids: impl IntoIterator<Item = u32>) -> Vec<Token> {
        ids.into_iter().map(|id| Token::Word { id, weight: 1.0 }).collect()
    }

    fn lengths(tokens: &[Token]) -> Vec<usize> {
        chunks(tokens, &MARKS)
            .iter()
            .map(|chunk| chunk.ids.iter().position(|id| *id == 2).unwrap() - 1)
            .collect()
    }

    #[test]
    fn no_words_are_one_window_of_padding() {
        let chunk = &chunks(&[], &MARKS)[0];
        assert_eq!((&chunk.ids[..3], chunk.ids.len()), (&[1, 2, 3][..], 77));
        assert_eq!(chunk.weights, [1.0; 77]);
    }

    #[test]
    fn a_full_window_is_followed_by_another() {
        assert_eq!(lengths(&words(vec![9; 75])), [75]);
        assert_eq!(lengths(&words(vec![9; 76])), [75, 1]);
        assert_eq!(lengths(&words(vec![9; 200])), [75, 75, 50]);
    }

    #[test]
    fn a_window_ends_at_a_comma_that_is_near_its_end() {
        let with_comma = |at: usize| {
            let mut ids = vec![9; 90];
            ids[at] = COMMA;
            words(ids)
        };
        assert_eq!(lengths(&with_comma(60)), [61, 29]);
        assert_eq!(lengths(&with_comma(55)), [56, 34]);
        assert_eq!(lengths(&with_comma(54)), [75, 15], "too far back");
        assert_eq!(lengths(&with_comma(75)), [75, 15], "the comma that does not fit begins the next");
    }

    #[test]
    fn breaks_end_windows_and_vectors_stay_together() {
        let mut tokens = words([9, 9]);
        tokens.push(Token::Break);
        tokens.extend(words(vec![9; 73]));
        tokens.push(Token::Vectors { which: 4, count: 5, weight: 1.5 });
        let laid = chunks(&tokens, &MARKS);
        assert_eq!(lengths(&tokens), [2, 73, 5]);
        assert_eq!(laid[2].mixed, [Mixed { first: 1, which: 4 }]);
        assert_eq!(laid[2].weights[..7], [1.0, 1.5, 1.5, 1.5, 1.5, 1.5, 1.0]);
    }

    #[test]
    fn vectors_move_with_what_follows_a_comma() {
        let mut tokens = words(vec![9; 60]);
        tokens.extend(words([COMMA]));
        tokens.push(Token::Vectors { which: 0, count: 4, weight: 1.0 });
        tokens.extend(words(vec![9; 20]));
        let laid = chunks(&tokens, &MARKS);
        assert_eq!(lengths(&tokens), [61, 24]);
        assert!(laid[0].mixed.is_empty());
        assert_eq!(laid[1].mixed, [Mixed { first: 1, which: 0 }]);
    }
}
