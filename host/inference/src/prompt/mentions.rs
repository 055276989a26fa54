//! Where a prompt mentions an embedding by name.

/// What may stand before an embedding's name to say that it is one.
const MARK: &str = "embedding:";

/// True if a text mentions an embedding: its name stands there as words of their own, whatever the case.
pub fn mentions(text: &str, name: &str) -> bool {
    next_mention(text, &[name]).is_some()
}

/// A mark in a text that says that the name of an embedding follows.
#[derive(Debug, PartialEq, Eq)]
pub struct Marked<'a> {
    /// Which of the names that are asked for follows; of several that begin there the longest, of equal ones the last.
    pub which: Option<usize>,
    /// The first word that follows.
    pub word: &'a str,
}

/// The marks in a text that are followed by something, each with which of several names that is.
pub fn marked<'a>(text: &'a str, names: &[&str]) -> Vec<Marked<'a>> {
    let starts =
        text.char_indices().filter(|(at, _)| !joins(text.get(..*at).unwrap_or_default().chars().last()));
    let after_marks = starts.filter_map(|(at, _)| after_prefix(text.get(at..)?, MARK));
    let marked = after_marks.map(|rest| Marked {
        which: named_at(rest, names).map(|(which, _)| which),
        word: rest.split(ends_word).next().unwrap_or_default(),
    });
    marked.filter(|marked| !marked.word.is_empty()).collect()
}

/// True for letters that no name goes beyond, where it is one word.
fn ends_word(letter: char) -> bool {
    letter.is_whitespace() || [',', '(', ')', '[', ']', ':', '|'].contains(&letter)
}

/// Which of several names a text begins with, the longest if it is several and the last of equal ones, and what follows it.
fn named_at<'a>(text: &'a str, names: &[&str]) -> Option<(usize, &'a str)> {
    let named = names.iter().enumerate().filter_map(|(which, name)| {
        let after = after_prefix(text, name).filter(|after| !joins(after.chars().next()))?;
        (!name.is_empty()).then_some((name.len(), which, after))
    });
    named.max_by_key(|(length, ..)| *length).map(|(_, which, after)| (which, after))
}

/// The first mention of one of several names.
pub(super) struct Mention<'a> {
    /// What is before it.
    pub(super) before: &'a str,
    /// Which of the names it is.
    pub(super) which: usize,
    /// What is after it.
    pub(super) after: &'a str,
}

/// The first mention in a text; of several names that begin there the longest.
pub(super) fn next_mention<'a>(text: &'a str, names: &[&str]) -> Option<Mention<'a>> {
    let starts =
        text.char_indices().filter(|(at, _)| !joins(text.get(..*at).unwrap_or_default().chars().last()));
    for (at, _) in starts {
        let (before, rest) = text.split_at_checked(at)?;
        let rest = after_prefix(rest, MARK).unwrap_or(rest);
        if let Some((which, after)) = named_at(rest, names) {
            return Some(Mention { before, which, after });
        }
    }
    None
}

/// True if a letter beside a name makes it a part of another word.
fn joins(letter: Option<char>) -> bool {
    letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-')
}

/// What follows a beginning, compared without regard to case of ASCII letters.
fn after_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_as_words_of_their_own_in_any_case() {
        for text in
            ["EasyNegative, blur", "blur, easynegative", "(embedding:EasyNegative:1.2)", "a EASYNEGATIVE."]
        {
            assert!(mentions(text, "EasyNegative"), "{text}");
        }
        for text in ["easynegativev2", "not-easynegative", "easy negative", "", "é"] {
            assert!(!mentions(text, "EasyNegative"), "{text}");
        }
        assert!(!mentions("anything", ""));
    }

    #[test]
    fn marks_tell_which_name_follows_and_else_the_word() {
        let names = ["bad", "bad hands"];
        let found = |text| {
            let found = marked(text, &names);
            found.into_iter().map(|Marked { which, word }| (which, word.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(
            found("x, (embedding:Bad Hands:1.2), Embedding:bad, embedding:baddy."),
            [(Some(1), "Bad".to_owned()), (Some(0), "bad".to_owned()), (None, "baddy.".to_owned())]
        );
        assert_eq!(marked("embedding:bad", &["bad", "Bad"])[0].which, Some(1));
        for text in ["bad hands", "an embedding: a chart", "embedding:", "myembedding:bad"] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn the_longest_of_several_names_is_meant_and_its_mark_goes_with_it() {
        let names = ["bad", "bad hands", "<cat-toy>"];
        let found = next_mention("x, embedding:bad hands, y", &names).unwrap();
        assert_eq!((found.before, found.which, found.after), ("x, ", 1, ", y"));
        assert_eq!(next_mention("a <cat-toy> here", &names).unwrap().which, 2);
    }
}
