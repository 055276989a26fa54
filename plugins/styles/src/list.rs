//! The styles that the person can choose from: `styles.toml`, made a table by `build.rs`.

use qpyt_sdk::Choice;

/// A way of making a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Names it in documents.
    pub(crate) id: &'static str,
    /// What the person reads.
    pub(crate) label: &'static str,
    /// Heading of the list it stands in.
    pub(crate) group: &'static str,
    /// What to paint, with `{prompt}` where the person's words go.
    pub(crate) prompt: &'static str,
    /// What to avoid, separated by commas.
    pub(crate) negative: &'static str,
}

/// All styles, in the order they are shown.
pub(crate) const STYLES: &[Style] = include!(concat!(env!("OUT_DIR"), "/styles.rs"));

/// The style of this id.
pub(crate) fn find(id: &str) -> Option<&'static Style> {
    STYLES.iter().find(|style| style.id == id)
}

/// All styles as choices of a form.
pub(crate) fn choices() -> impl Iterator<Item = Choice> {
    STYLES.iter().map(|style| Choice { id: style.id, label: style.label, group: Some(style.group) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_styles_for_every_taste() {
        let groups: BTreeSet<_> = STYLES.iter().map(|style| style.group).collect();
        assert!(STYLES.len() >= 60, "{}", STYLES.len());
        assert!(groups.len() >= 8, "{groups:?}");
    }

    #[test]
    fn ids_and_labels_are_unique() {
        let ids: BTreeSet<_> = STYLES.iter().map(|style| style.id).collect();
        let labels: BTreeSet<_> = STYLES.iter().map(|style| style.label.to_lowercase()).collect();
        assert_eq!((ids.len(), labels.len()), (STYLES.len(), STYLES.len()));
    }

    #[test]
    fn ids_are_lower_case_words_joined_by_hyphens() {
        for style in STYLES {
            let words = style.id.split('-');
            assert!(
                words
                    .clone()
                    .all(|word| !word.is_empty() && word.chars().all(|letter| letter.is_ascii_lowercase())),
                "{}",
                style.id
            );
        }
    }

    #[test]
    fn every_style_keeps_the_words_of_the_person_once() {
        for style in STYLES {
            assert_eq!(style.prompt.matches("{prompt}").count(), 1, "{}", style.id);
            assert_eq!(style.prompt.matches(['{', '}']).count(), 2, "{}", style.id);
        }
    }

    #[test]
    fn what_to_avoid_is_a_list_without_blank_or_repeated_parts() {
        for style in STYLES {
            let parts: Vec<_> = style.negative.split(", ").collect();
            let unique: BTreeSet<_> = parts.iter().collect();
            assert!(parts.iter().all(|part| !part.is_empty() && part.trim() == *part), "{}", style.id);
            assert_eq!(unique.len(), parts.len(), "{}", style.id);
        }
    }

    #[test]
    fn groups_stand_together() {
        let mut order: Vec<_> = STYLES.iter().map(|style| style.group).collect();
        order.dedup();
        let unique: BTreeSet<_> = order.iter().collect();
        assert_eq!(unique.len(), order.len(), "{order:?}");
    }
}
