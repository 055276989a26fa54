//! Where a prompt mentions an embedding by name.

/// What may stand before an embedding's name to say that it is one.
const MARK: &str = "embedding:";

/// True if a text mentions an embedding: its name stands there as words of their own, whatever the case.
pub fn mentions(text: &str, name: &str) -> bool {
    next_mention(text, &[name]).is_some()
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
        let named = names.iter().enumerate().filter_map(|(which, name)| {
            let after = after_prefix(rest, name).filter(|after| !joins(after.chars().next()))?;
            (!name.is_empty()).then_some((name.len(), which, after))
        });
        if let Some((_, which, after)) = named.max_by_key(|(length, ..)| *length) {
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
    fn the_longest_of_several_names_is_meant_and_its_mark_goes_with_it() {
        let names = ["bad", "bad hands", "<cat-toy>"];
        let found = next_mention("x, embedding:bad hands, y", &names).unwrap();
        assert_eq!((found.before, found.which, found.after), ("x, ", 1, ", y"));
        assert_eq!(next_mention("a <cat-toy> here", &names).unwrap().which, 2);
    }
}
