//! Prompts that are followed at once, as in `a cat AND a dog :0.8`.

/// The word between them.
const AND: &str = "AND";
/// Largest weight, to either side of 0.
const MAX_WEIGHT: f64 = 100.0;

/// One of several prompts that are followed at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Summand {
    /// What it says.
    pub text: String,
    /// How much it counts, -100 to 100; 1 is usual.
    pub weight: f64,
}

/// The prompts that a text is made of: what is between the words `AND`, each with the weight behind its last colon. A
/// text without that word is one prompt as it stands, whatever it ends with.
pub fn summands(text: &str) -> Vec<Summand> {
    let parts = parts(text);
    if parts.len() == 1 {
        return vec![Summand { text: text.to_owned(), weight: 1.0 }];
    }
    let weighed = |part: &str| match weight_behind(part) {
        Some((words, weight)) => Summand { text: words.trim().to_owned(), weight },
        None => Summand { text: part.trim().to_owned(), weight: 1.0 },
    };
    parts.into_iter().map(weighed).collect()
}

/// What is between the words [`AND`].
fn parts(text: &str) -> Vec<&str> {
    let joins = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    let (mut parts, mut begin) = (Vec::new(), 0);
    for (at, _) in text.match_indices(AND) {
        let end = at + AND.len();
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(end..).unwrap_or_default());
        if !joins(before.chars().last()) && !joins(after.chars().next()) {
            parts.push(before.get(begin..).unwrap_or_default());
            begin = end;
        }
    }
    parts.push(text.get(begin..).unwrap_or_default());
    parts
}

/// The words before the last colon and the weight behind it, if there is nothing else.
fn weight_behind(part: &str) -> Option<(&str, f64)> {
    let (words, number) = part.rsplit_once(':')?;
    let number = number.trim();
    let plain = number.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, '.' | '+' | '-'));
    let weight: f64 = number.parse().ok().filter(|_| plain)?;
    Some((words, weight.clamp(-MAX_WEIGHT, MAX_WEIGHT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, f64)> {
        summands(text).into_iter().map(|Summand { text, weight }| (text, weight)).collect()
    }

    #[test]
    fn prompts_stand_between_and_with_their_weights_behind() {
        let of = |wanted: &[(&str, f64)]| -> Vec<_> {
            wanted.iter().map(|(text, weight)| ((*text).to_owned(), *weight)).collect()
        };
        assert_eq!(read("a cat AND a dog :0.8"), of(&[("a cat", 1.0), ("a dog", 0.8)]));
        assert_eq!(read("a:1.2 AND b:-.5 AND c"), of(&[("a", 1.2), ("b", -0.5), ("c", 1.0)]));
        assert_eq!(read("a\nAND\n(b:1.3)"), of(&[("a", 1.0), ("(b:1.3)", 1.0)]));
        assert_eq!(read("a AND b:1e9 AND c:999"), of(&[("a", 1.0), ("b:1e9", 1.0), ("c", 100.0)]));
        assert_eq!(read("a AND "), of(&[("a", 1.0), ("", 1.0)]));
        assert_eq!(read("SAND AND BAND"), of(&[("SAND", 1.0), ("BAND", 1.0)]));
    }

    #[test]
    fn a_text_without_that_word_stays_as_it_is() {
        for text in ["a sign in 4:3", "SAND AND_B BRAND", "this and that :0.5", "", "éAND", "ANDAND"] {
            assert_eq!(read(text), [(text.to_owned(), 1.0)]);
        }
    }
}
