//! "Did you mean": the nearest known name to one that is not known.

/// How alike two names must be, 0..1, to be worth a suggestion.
const ALIKE: f64 = 0.6;

/// Most names that are compared with one.
const MAX_CANDIDATES: usize = 200;

/// The candidate most like `name`, if one is near enough; of equals the first.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best: Option<(&str, f64)> = None;
    for candidate in candidates.into_iter().take(MAX_CANDIDATES) {
        if !lengths_allow(name.len(), candidate.len()) {
            continue;
        }
        let alike = strsim::normalized_damerau_levenshtein(name, candidate);
        if alike >= ALIKE && best.is_none_or(|(_, score)| alike > score) {
            best = Some((candidate, alike));
        }
    }
    best.map(|(candidate, _)| candidate)
}

/// Texts whose lengths differ this much can't be alike, whatever their letters; this also keeps endless ones from being
/// compared. Lengths are in bytes, of which a letter has up to four.
fn lengths_allow(one: usize, other: usize) -> bool {
    one.min(other) as f64 >= ALIKE / 4.0 * one.max(other) as f64
}

/// The way out of an unknown name: the nearest one, else all of them when they are few.
pub(crate) fn hint<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    /// More names than this are no help in a message.
    const FEW: usize = 8;
    if let Some(near) = nearest(name, candidates.clone()) {
        return format!("; did you mean `{near}`?");
    }
    let known: Vec<String> = candidates.into_iter().take(FEW + 1).map(|known| format!("`{known}`")).collect();
    if known.is_empty() || known.len() > FEW {
        String::new()
    } else {
        format!("; there is {}", known.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        assert_eq!(nearest("stepps", ["seed", "steps", "width"]), Some("steps"));
        assert_eq!(nearest("zzz", ["seed", "steps", "width"]), None);
        assert_eq!(hint("stepps", ["seed", "steps"]), "; did you mean `steps`?");
    }

    #[test]
    fn a_name_like_no_other_lists_the_few_there_are() {
        assert_eq!(hint("zzz", ["image", "info"]), "; there is `image`, `info`");
        assert_eq!(hint("zzz", []), "");
    }
}
