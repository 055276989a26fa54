//! Cutting a text into sentences and what stands between them, so that the two put together are the text again.

/// Ends a sentence when a space follows.
const ENDS: [char; 7] = ['.', '!', '?', '…', '؟', '۔', '।'];
/// Ends a sentence whatever follows.
const FULL_WIDTH_ENDS: [char; 4] = ['。', '！', '？', '．'];
/// Belongs to the sentence before it.
const CLOSERS: [char; 11] = ['"', '\'', '”', '’', '»', ')', ']', '}', '」', '』', '）'];
/// Where a sentence that is too long is cut best.
const PAUSES: [char; 9] = [',', ';', ':', '–', '—', '，', '；', '、', '،'];
/// Words before a full stop that do not end a sentence, in lower case.
const ABBREVIATIONS: [&str; 30] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "no", "fig", "e.g", "i.e", "cf", "approx", "m", "mm",
    "mme", "mlle", "p. ex", "ex", "av", "bd", "hr", "fr", "z.b", "d.h", "bzw", "usw", "sr", "sra",
];

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Spaces and line ends, which stay as they are.
    Between(&'a str),
    /// A sentence, without spaces around it.
    Sentence(&'a str),
}

/// The parts of a text in order. Lines are cut apart, then sentences within them.
pub(super) fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let sentence = rest.trim_start();
        let (between, _) = rest.split_at(rest.len() - sentence.len());
        if !between.is_empty() {
            rest = sentence;
            return Some(Part::Between(between));
        }
        let line = sentence.lines().next().filter(|line| !line.is_empty())?;
        let (sentence, after) = rest.split_at(sentence_length(line));
        rest = after;
        Some(Part::Sentence(sentence))
    })
}

/// Bytes of the first sentence of a line that does not begin with a space, spaces at its end left out.
fn sentence_length(line: &str) -> usize {
    let mut places = line.char_indices().peekable();
    while let Some((place, c)) = places.next() {
        let wide = FULL_WIDTH_ENDS.contains(&c);
        if !wide && !ENDS.contains(&c) {
            continue;
        }
        let continues = |c: &char| ENDS.contains(c) || FULL_WIDTH_ENDS.contains(c) || CLOSERS.contains(c);
        while places.next_if(|(_, c)| continues(c)).is_some() {}
        let end = places.peek().map_or(line.len(), |(place, _)| *place);
        let (before, after) = (line.get(..place).unwrap_or_default(), line.get(end..).unwrap_or_default());
        if wide || (after.starts_with(char::is_whitespace) && begins_anew(c, before, after)) {
            return end;
        }
    }
    line.trim_end().len()
}

/// Whether a sentence begins behind `stop`, which follows `before`.
fn begins_anew(stop: char, before: &str, after: &str) -> bool {
    if after.trim_start().starts_with(char::is_lowercase) {
        return false;
    }
    if stop != '.' {
        return true;
    }
    let word = before.rsplit(|c: char| c.is_whitespace() || "(\"'«“".contains(c)).next().unwrap_or_default();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    !initial && !ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

/// Cuts a sentence in two where it hurts least: behind a pause in its middle half, else at a space nearest to its
/// middle, else in the middle. Both parts are shorter; the spaces between them belong to the second. None for a single
/// character.
pub(super) fn halves(sentence: &str) -> Option<(&str, &str)> {
    let middle = sentence.len() / 2;
    let distance = |place: &usize| place.abs_diff(middle);
    let behind = |(place, c): (usize, char)| place + c.len_utf8();
    let pauses = sentence.char_indices().filter(|(_, c)| PAUSES.contains(c)).map(behind);
    let pause = pauses.min_by_key(distance).filter(|place| distance(place) <= sentence.len() / 4);
    let spaces = sentence.char_indices().filter(|(_, c)| c.is_whitespace()).map(|(place, _)| place);
    let space = || spaces.filter(|place| *place > 0).min_by_key(distance);
    let any = || sentence.char_indices().map(|(place, _)| place).filter(|p| *p > 0).min_by_key(distance);
    let place = pause.or_else(space).or_else(any)?;
    sentence.split_at_checked(place).filter(|(first, second)| !first.is_empty() && !second.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(text: &str) -> Vec<&str> {
        let whole: String = parts(text)
            .map(|part| match part {
                Part::Between(text) | Part::Sentence(text) => text,
            })
            .collect();
        assert_eq!(whole, text, "the parts are not the text");
        parts(text)
            .filter_map(|part| match part {
                Part::Sentence(sentence) => Some(sentence),
                Part::Between(_) => None,
            })
            .collect()
    }

    #[test]
    fn sentences_end_where_readers_see_an_end() {
        assert_eq!(
            sentences("One fox. Two foxes!  Three?\tFour"),
            ["One fox.", "Two foxes!", "Three?", "Four"]
        );
        assert_eq!(
            sentences("He said \"Stop.\" Then (later...) he left."),
            ["He said \"Stop.\"", "Then (later...) he left."]
        );
        assert_eq!(sentences("狐です。雪です！はい"), ["狐です。", "雪です！", "はい"]);
        assert_eq!(sentences("كيف حالك؟ بخير."), ["كيف حالك؟", "بخير."]);
    }

    #[test]
    fn numbers_initials_and_abbreviations_do_not_end_sentences() {
        for whole in
            ["It costs 3.50 euros.", "Dr. Smith and J. R. Fox", "See www.fox.example today", "Red… and white"]
        {
            assert_eq!(sentences(whole), [whole]);
        }
    }

    #[test]
    fn lines_and_blank_lines_are_kept() {
        let text = "\n  Title\n\nFirst line\r\n  second. Third.  \n\n\n";
        assert_eq!(sentences(text), ["Title", "First line", "second.", "Third."]);
        assert!(sentences(" \n\n ").is_empty());
        assert!(sentences("").is_empty());
    }

    #[test]
    fn long_sentences_are_cut_at_pauses_then_spaces_then_anywhere() {
        assert_eq!(halves("a red fox, in deep snow"), Some(("a red fox,", " in deep snow")));
        assert_eq!(halves("a, red fox in deep snow"), Some(("a, red fox", " in deep snow")));
        assert_eq!(halves("aaaabbbb"), Some(("aaaa", "bbbb")));
        assert_eq!(halves("🦊🦊"), Some(("🦊", "🦊")));
        assert_eq!(halves("a"), None);
        assert_eq!(halves(""), None);
    }
}
