//! Places: where bricks come from on the disk. A place is a folder with a `brick.toml`, or a single `.wasm` file,
//! directly below one of the brick folders (the roots).

use std::{
    ffi::OsStr,
    fmt, fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// A builder leaves its complaint here when the brick's source does not build.
pub const BUILD_ERROR_FILE: &str = "build-error.txt";

/// How the places of bricks under development are named. They go before others with the same brick.
pub const DEV_PREFIX: &str = "dev-";

const MAX_PLACES: usize = 1000;
const MAX_FILES: usize = 64;
const MAX_BUILD_ERROR_BYTES: usize = 64 << 10;
const ID_DIGITS: usize = 16;

/// Names a place in addresses and file names: the first digits of the digest of its path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceId(String);

impl PlaceId {
    /// The id of the place at `path`.
    pub fn of(path: &Path) -> Self {
        let digits = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
        Self(digits.chars().take(ID_DIGITS).collect())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What tells that the files of a place were written since: their names, sizes and times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature(Vec<(PathBuf, u64, Option<SystemTime>)>);

/// All places, in the order of the roots and by name within each.
pub(super) fn scan(roots: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for root in roots {
        let Ok(entries) = fs::read_dir(root) else { continue };
        let mut paths: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.retain(|path| is_place(path));
        paths.sort();
        found.extend(paths);
    }
    if found.len() > MAX_PLACES {
        tracing::warn!("only the first {MAX_PLACES} of {} bricks are loaded", found.len());
        found.truncate(MAX_PLACES);
    }
    found
}

/// Whether the brick at this place is under development.
pub(super) fn is_dev(place: &Path) -> bool {
    place.file_name().is_some_and(|name| name.to_string_lossy().starts_with(DEV_PREFIX))
}

/// The place that a changed path belongs to.
pub(super) fn owner(roots: &[PathBuf], changed: &Path) -> Option<PathBuf> {
    roots.iter().find_map(|root| {
        let name = changed.strip_prefix(root).ok()?.components().next()?;
        let place = root.join(name);
        let visible = !is_hidden(&place) && (place != changed || is_wasm(&place) || !place.is_file());
        visible.then_some(place)
    })
}

/// The signature of a place as it is now; none if there is no place any more.
pub(super) fn signature(place: &Path) -> Option<Signature> {
    if !is_place(place) {
        return None;
    }
    let mut files = if place.is_dir() { files_in(place) } else { vec![place.to_owned()] };
    files.sort();
    let describe = |path: PathBuf| {
        let metadata = fs::metadata(&path).ok()?;
        Some((path, metadata.len(), metadata.modified().ok()))
    };
    Some(Signature(files.into_iter().filter_map(describe).collect()))
}

/// What the builder of the place's source complained about last.
pub(super) fn build_error(place: &Path) -> Option<String> {
    let file = fs::File::open(place.join(BUILD_ERROR_FILE)).ok()?;
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_BUILD_ERROR_BYTES as u64), &mut text)
        .ok()?;
    let text: String = String::from_utf8_lossy(&text)
        .chars()
        .filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'))
        .collect();
    Some(text)
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    paths.filter(|path| !is_hidden(path) && !is_unfinished(path) && path.is_file()).take(MAX_FILES).collect()
}

fn is_place(path: &Path) -> bool {
    !is_hidden(path) && (path.is_dir() || (is_wasm(path) && path.is_file()))
}

fn is_wasm(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("wasm"))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'))
}

/// Written to be renamed in a moment.
fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "new" || extension == "tmp")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_with(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        root
    }

    #[test]
    fn folders_and_single_components_are_places_and_hidden_or_other_files_are_not() {
        let root = root_with(&["b/brick.toml", "a.wasm", ".hidden/brick.toml", "notes.txt", "c.wasm.new"]);
        let names: Vec<_> = scan(&[root.path().to_owned(), "/nowhere".into()])
            .iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["a.wasm", "b"]);
    }

    #[test]
    fn a_change_deep_in_a_place_belongs_to_it() {
        let root = root_with(&["b/src/x", "notes.txt"]);
        let roots = [root.path().to_owned()];
        assert_eq!(owner(&roots, &root.path().join("b/src/x")), Some(root.path().join("b")));
        assert_eq!(owner(&roots, &root.path().join("gone.wasm")), Some(root.path().join("gone.wasm")));
        assert_eq!(owner(&roots, &root.path().join("notes.txt")), None);
        assert_eq!(owner(&roots, &root.path().join(".hidden")), None);
        assert_eq!(owner(&roots, root.path()), None);
        assert_eq!(owner(&roots, Path::new("/elsewhere/b")), None);
    }

    #[test]
    fn the_signature_changes_with_a_file_and_not_with_one_that_is_being_written() {
        let root = root_with(&["b/brick.toml"]);
        let place = root.path().join("b");
        let before = signature(&place).unwrap();
        fs::write(place.join("brick.wasm.new"), "half").unwrap();
        assert_eq!(signature(&place), Some(before.clone()));
        fs::write(place.join("brick.toml"), "longer").unwrap();
        assert_ne!(signature(&place), Some(before));
        fs::remove_dir_all(&place).unwrap();
        assert_eq!(signature(&place), None);
    }
}
