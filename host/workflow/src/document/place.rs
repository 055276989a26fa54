//! Where in a JSON text a value stands, so that an error about its content can name the line as a syntax error does.

use std::fmt::{self, Display};

/// A place in a text; line and column count from 1, the column in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// One step from a value into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// The place of the value that `path` leads to. The text must be valid JSON; nothing is found when it doesn't have
/// such a value.
pub(super) fn find(text: &[u8], path: &[Step]) -> Option<Place> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.skip_space();
    for step in path {
        match step {
            Step::Key(key) => cursor.enter_member(key)?,
            Step::Index(index) => cursor.enter_item(*index)?,
        }
    }
    let before = text.get(..cursor.at)?;
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    Some(Place { line, column: cursor.at - line_start + 1 })
}

/// Stands at the first byte of a token.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Steps over `byte` and the space behind it.
    fn take(&mut self, byte: u8) -> Option<()> {
        if self.peek()? != byte {
            return None;
        }
        self.at += 1;
        self.skip_space();
        Some(())
    }

    fn enter_member(&mut self, key: &str) -> Option<()> {
        self.take(b'{')?;
        loop {
            let start = self.at;
            self.skip_text()?;
            let name: String = serde_json::from_slice(self.text.get(start..self.at)?).ok()?;
            self.skip_space();
            self.take(b':')?;
            if name == key {
                return Some(());
            }
            self.skip_value()?;
            self.take(b',')?;
        }
    }

    fn enter_item(&mut self, index: usize) -> Option<()> {
        self.take(b'[')?;
        for _ in 0..index {
            self.skip_value()?;
            self.take(b',')?;
        }
        Some(())
    }

    /// Steps over a value and the space behind it.
    fn skip_value(&mut self) -> Option<()> {
        let mut open = 0usize;
        loop {
            match self.peek()? {
                b'"' => self.skip_text()?,
                b'{' | b'[' => {
                    open += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    open = open.checked_sub(1)?;
                    self.at += 1;
                }
                _ => self.at += 1,
            }
            if open == 0
                && self
                    .peek()
                    .is_none_or(|byte| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace())
            {
                self.skip_space();
                return Some(());
            }
        }
    }

    fn skip_text(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{\n  \"a,}\\\"\": [1, \"x]\", {\"b\": {} } ,\n    true],\n  \"c\": 5\n}";

    fn place(path: &[Step]) -> Option<String> {
        find(TEXT.as_bytes(), path).map(|place| place.to_string())
    }

    fn key(name: &str) -> Step {
        Step::Key(name.to_owned())
    }

    #[test]
    fn a_value_is_found_behind_keys_and_items() {
        let list = || key("a,}\"");
        assert_eq!(place(&[]).unwrap(), "line 1, column 1");
        assert_eq!(place(&[list()]).unwrap(), "line 2, column 12");
        assert_eq!(place(&[list(), Step::Index(1)]).unwrap(), "line 2, column 16");
        assert_eq!(place(&[list(), Step::Index(2), key("b")]).unwrap(), "line 2, column 28");
        assert_eq!(place(&[list(), Step::Index(3)]).unwrap(), "line 3, column 5");
        assert_eq!(place(&[key("c")]).unwrap(), "line 4, column 8");
    }

    #[test]
    fn a_value_that_is_not_there_is_not_found() {
        assert_eq!(place(&[key("d")]), None);
        assert_eq!(place(&[Step::Index(0)]), None);
        assert_eq!(place(&[key("a,}\""), Step::Index(4)]), None);
        assert_eq!(find(b"", &[key("a")]), None);
    }
}
