//! Digests of source folders, by which is known whether what was built from them is still right.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use qpyt_bricks::Digest;

use crate::FileError;

/// What is made, not what it is made from. Cargo may write its lock file while it builds; whoever cares names it.
pub const MADE: [&str; 6] = ["target", "dist", "node_modules", ".git", "__pycache__", "Cargo.lock"];

/// The digest over names and contents of all files in `folders` (a path to a file counts as that file). What does
/// not exist counts as empty; what was made from the sources and what is named in `left_out` does not count at all.
///
/// # Errors
/// When a file can't be read.
pub fn digest(folders: &[PathBuf], left_out: &[&str]) -> Result<Digest, FileError> {
    let mut hasher = blake3::Hasher::new();
    for folder in folders {
        let mut files = Vec::new();
        collect(folder, left_out, &mut files).map_err(FileError::on("read", folder))?;
        files.sort();
        for file in files {
            let content = fs::read(&file).map_err(FileError::on("read", &file))?;
            let name = file.strip_prefix(folder).unwrap_or(&file).to_string_lossy();
            for part in [name.as_bytes(), &content] {
                // Lengths first, so that no two trees give the same stream of bytes.
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        }
    }
    Ok(hasher.finalize().into())
}

fn collect(path: &Path, left_out: &[&str], files: &mut Vec<PathBuf>) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if metadata.is_file() {
        files.push(path.to_path_buf());
    } else if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if !MADE.iter().chain(left_out).any(|name| entry.file_name() == *name) {
                collect(&entry.path(), left_out, files)?;
            }
        }
    }
    Ok(())
}

/// A note of the digests that something was built from.
pub struct Stamp {
    path: PathBuf,
}

impl Stamp {
    /// The note in this file.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Whether the thing was built from exactly these.
    pub fn is(&self, digests: &[Digest]) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|text| text == lines(digests))
    }

    /// Notes that the thing was built from these.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn set(&self, digests: &[Digest]) -> Result<(), FileError> {
        fs::write(&self.path, lines(digests)).map_err(FileError::on("write", &self.path))
    }
}

fn lines(digests: &[Digest]) -> String {
    digests.iter().map(|digest| format!("{digest}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn digest_of(files: &[(&str, &str)]) -> Digest {
        digest(&[tree(files).path().to_path_buf()], &["notes"]).unwrap()
    }

    #[test]
    fn every_change_of_a_source_changes_the_digest() {
        let before = digest_of(&[("src/lib.rs", "a"), ("Cargo.toml", "b")]);
        assert_eq!(before, digest_of(&[("Cargo.toml", "b"), ("src/lib.rs", "a")]));
        assert_ne!(before, digest_of(&[("src/lib.rs", "A"), ("Cargo.toml", "b")]));
        assert_ne!(before, digest_of(&[("src/main.rs", "a"), ("Cargo.toml", "b")]));
        assert_ne!(before, digest_of(&[("src/lib.rs", "a")]));
        assert_ne!(before, digest_of(&[("src/lib.rs", "a"), ("Cargo.toml", "b"), ("new", "")]));
    }

    #[test]
    fn what_was_made_from_the_sources_does_not_count() {
        let clean = digest_of(&[("src/lib.rs", "a")]);
        let built = digest_of(&[
            ("src/lib.rs", "a"),
            ("target/x", "1"),
            ("dist/y", "2"),
            ("node_modules/z/q", "3"),
            ("notes/n", "4"),
        ]);
        assert_eq!(clean, built);
    }

    #[test]
    fn a_stamp_knows_only_the_digests_it_was_set_to() {
        let folder = tempfile::tempdir().unwrap();
        let stamp = Stamp::at(folder.path().join("stamp"));
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        assert!(!stamp.is(&[one, two]));
        stamp.set(&[one, two]).unwrap();
        assert!(stamp.is(&[one, two]));
        assert!(!stamp.is(&[two, one]) && !stamp.is(&[one]));
    }
}
