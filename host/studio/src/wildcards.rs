//! The lists that prompts may name as `__animal__`: text files in the data folder, one choice per line.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;
use utoipa::ToSchema;

/// Largest list, in bytes; of a larger one the beginning is read.
const MAX_BYTES: u64 = 1 << 20;
/// Most lists.
const MAX_LISTS: usize = 4096;
/// Most folders and files that are looked at.
const MAX_ENTRIES: usize = 50_000;
/// Levels of folders.
const MAX_DEPTH: usize = 4;

/// The folder of lists.
#[derive(Debug, Clone)]
pub struct Wildcards {
    folder: PathBuf,
}

/// The lists that there are.
#[derive(Debug, Serialize, ToSchema)]
pub struct WildcardList {
    /// Where they lie.
    pub folder: String,
    /// Their names, as prompts write them between `__` and `__`.
    pub names: Vec<String>,
}

impl Wildcards {
    /// The lists in `folder`, which need not be there.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// What there is.
    pub fn list(&self) -> WildcardList {
        let names = self.files().into_iter().map(|(name, _)| name).collect();
        WildcardList { folder: self.folder.display().to_string(), names }
    }

    /// The lines of a list, without empty ones and those that begin with `#`. Names are compared without regard to
    /// case; none if there is no such list.
    pub fn lines(&self, name: &str) -> Option<Vec<String>> {
        let files = self.files();
        let (_, file) = files.iter().find(|(known, _)| known.to_lowercase() == name.to_lowercase())?;
        let mut bytes = Vec::new();
        File::open(file).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        Some(lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect())
    }

    /// Names and files of all lists, by name.
    fn files(&self) -> Vec<(String, PathBuf)> {
        let (mut found, mut left) = (Vec::new(), MAX_ENTRIES);
        search(&self.folder, "", MAX_DEPTH, &mut left, &mut found);
        found.sort();
        found
    }
}

/// Adds the lists of a folder, whose names begin with `prefix`. What has a name that begins with a dot is passed over.
fn search(folder: &Path, prefix: &str, depth: usize, left: &mut usize, found: &mut Vec<(String, PathBuf)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if *left == 0 || found.len() >= MAX_LISTS {
            return;
        }
        *left -= 1;
        let (path, Ok(name)) = (entry.path(), entry.file_name().into_string()) else { continue };
        if name.starts_with('.') {
            continue;
        }
        // Links are not followed, so no list lies elsewhere.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => {
                search(&path, &format!("{prefix}{name}/"), depth - 1, left, found);
            }
            Ok(kind) if kind.is_file() => {
                found.extend(name.strip_suffix(".txt").map(|stem| (format!("{prefix}{stem}"), path)));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists() -> (tempfile::TempDir, Wildcards) {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("wildcards");
        std::fs::create_dir_all(folder.join("places")).unwrap();
        std::fs::write(folder.join("Animal.txt"), "\u{feff}fox\r\n\n# owls\n  hare \n").unwrap();
        std::fs::write(folder.join("places/wild.txt"), "a hill").unwrap();
        std::fs::write(folder.join("notes.md"), "no list").unwrap();
        std::fs::write(place.path().join("secret.txt"), "secret").unwrap();
        let wildcards = Wildcards::new(folder);
        (place, wildcards)
    }

    #[test]
    fn lists_are_text_files_also_in_folders() {
        let (_place, wildcards) = lists();
        assert_eq!(wildcards.list().names, ["Animal", "places/wild"]);
        assert_eq!(wildcards.lines("animal").unwrap(), ["fox", "hare"]);
        assert_eq!(wildcards.lines("places/wild").unwrap(), ["a hill"]);
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        let (_place, wildcards) = lists();
        for name in ["../secret", "notes", "notes.md", "places/../Animal", "", "/etc/passwd"] {
            assert_eq!(wildcards.lines(name), None, "{name}");
        }
    }

    #[test]
    fn without_a_folder_there_are_no_lists() {
        let wildcards = Wildcards::new(PathBuf::from("/nowhere/at/all"));
        assert!(wildcards.list().names.is_empty() && wildcards.lines("animal").is_none());
    }
}
