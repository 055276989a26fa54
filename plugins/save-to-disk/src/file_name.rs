//! Makes any text a file name that Linux, macOS and Windows take, and names distinct within a run.

use std::collections::BTreeSet;

/// Longest name, in characters.
const LENGTH: usize = 120;
/// Longest name, in bytes: file systems allow 255, and an extension and a number may follow.
const BYTES: usize = 200;
/// The name of a picture whose pattern left nothing.
const NAMELESS: &str = "picture";
/// Names that stand for devices on Windows, whatever extension follows.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// The nearest text that is a file name.
pub(crate) fn sanitised(name: &str) -> String {
    let clean: String = name.chars().map(|letter| if is_safe(letter) { letter } else { '-' }).collect();
    let name = shortened(clean.trim_start_matches(is_edge), LENGTH, BYTES);
    match name.trim_end_matches(is_edge) {
        "" => NAMELESS.to_owned(),
        name if is_device(name) => format!("_{name}"),
        name => name.to_owned(),
    }
}

/// `name`, or with a number where a picture of this run already has it. Upper and lower case count as the same, as
/// they do on many disks.
pub(crate) fn distinct(name: String, taken: &mut BTreeSet<String>) -> String {
    let mut candidate = name.clone();
    let mut number = 2;
    while !taken.insert(candidate.to_lowercase()) {
        candidate = format!("{}-{number}", shortened(&name, LENGTH - 8, BYTES - 8));
        number += 1;
    }
    candidate
}

/// Separators, wildcards and control characters are not.
fn is_safe(letter: char) -> bool {
    !letter.is_control() && !r#"/\:*?"<>|"#.contains(letter)
}

/// Not good at either end: hidden files start with a dot, Windows drops dots and blanks at the end.
fn is_edge(letter: char) -> bool {
    letter == '.' || letter.is_whitespace()
}

/// As many whole characters as fit.
fn shortened(name: &str, length: usize, bytes: usize) -> &str {
    let ends = name.char_indices().map(|(start, letter)| start + letter.len_utf8());
    let end = ends.take(length).take_while(|end| *end <= bytes).last().unwrap_or_default();
    name.get(..end).unwrap_or_default()
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_port = |port: &str| {
        let number = stem.strip_prefix(port).map(|number| number.chars().collect::<Vec<_>>());
        number.is_some_and(|number| matches!(number.as_slice(), ['0'..='9' | '¹' | '²' | '³']))
    };
    DEVICES.contains(&stem.as_str()) || is_port("com") || is_port("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_name_stays() {
        assert_eq!(sanitised("2026-11-23_14-03-59_7"), "2026-11-23_14-03-59_7");
        assert_eq!(sanitised("ein füchschen (1.2)"), "ein füchschen (1.2)");
    }

    #[test]
    fn a_name_never_leaves_its_folder() {
        assert_eq!(sanitised("../../etc/passwd"), "-..-etc-passwd");
        assert_eq!(sanitised(r"C:\Windows\win"), "C--Windows-win");
        for name in ["..", "/", r"\", "a/../b", "a\0b", "~/x"] {
            let safe = sanitised(name);
            assert!(!safe.contains(['/', '\\', '\0']) && !safe.starts_with('.'), "{name:?} became {safe:?}");
        }
    }

    #[test]
    fn hidden_and_blank_names_are_no_names() {
        assert_eq!(sanitised(".hidden"), "hidden");
        assert_eq!(sanitised(" . . "), "picture");
        assert_eq!(sanitised("fox. "), "fox");
    }

    #[test]
    fn names_of_devices_are_changed() {
        for name in ["con", "NUL", "Com1", "lpt9.tar", "aux ", "COM²"] {
            assert!(sanitised(name).starts_with('_'), "{name}");
        }
        for name in ["console", "com", "com12", "lptx"] {
            assert_eq!(sanitised(name), name);
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(sanitised(&"a".repeat(500)).len(), 120);
        let foxes = sanitised(&"🦊".repeat(500));
        assert_eq!(foxes.chars().count(), 50);
        assert!(foxes.len() <= BYTES);
    }

    #[test]
    fn pictures_of_one_run_get_distinct_names() {
        let mut taken = BTreeSet::new();
        let names = ["fox", "Fox", "fox", "fox-2"].map(|name| distinct(name.to_owned(), &mut taken));
        assert_eq!(names, ["fox", "Fox-2", "fox-3", "fox-2-2"]);
    }

    #[test]
    fn distinct_names_stay_short() {
        let mut taken = BTreeSet::new();
        for _ in 0..20 {
            assert!(distinct("a".repeat(120), &mut taken).len() <= LENGTH);
        }
        assert_eq!(taken.len(), 20);
    }
}
