//! Reading within bounds, and writing so that nobody ever sees half a file.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The operating system refused.
#[derive(Debug, thiserror::Error)]
#[error("Could not {action} {}: {source}", path.display())]
pub struct FileError {
    /// What was attempted, as a verb.
    pub action: &'static str,
    /// On which file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl FileError {
    /// Turns what the system said about `path` into an error that names it.
    pub fn on(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self { action, path, source }
    }
}

/// The whole file, if it has at most `most` bytes.
///
/// # Errors
/// When it can't be read or is larger.
pub fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    let read = || {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            return Err(io::Error::other(format!("it has more than {most} bytes")));
        }
        Ok(bytes)
    };
    read().map_err(FileError::on("read", path))
}

/// The text of a file of at most `most` bytes.
///
/// # Errors
/// When it can't be read, is larger or is no text.
pub fn read_text(path: &Path, most: u64) -> Result<String, FileError> {
    String::from_utf8(read_bounded(path, most)?)
        .map_err(|error| FileError::on("read", path)(io::Error::other(error)))
}

/// Replaces a file in one step, and not at all when it is the same already. Says whether it wrote.
///
/// # Errors
/// When it can't be written.
pub fn replace(path: &Path, content: &[u8]) -> Result<bool, FileError> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(false);
    }
    let new = path.with_added_extension("new");
    fs::write(&new, content).map_err(FileError::on("write", &new))?;
    fs::rename(&new, path).map_err(FileError::on("write", path))?;
    Ok(true)
}

/// Makes a folder and those above it.
///
/// # Errors
/// When it can't be made.
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(FileError::on("create the folder", path))
}

/// Removes a file, if it is there.
///
/// # Errors
/// When it is there and can't be removed.
pub fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::on("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_text(&path, 5).unwrap(), "12345");
        let message = read_bounded(&path, 4).unwrap_err().to_string();
        assert!(message.contains("more than 4 bytes"), "{message}");
    }

    #[test]
    fn replacing_with_the_same_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        assert!(replace(&path, b"one").unwrap());
        assert!(!replace(&path, b"one").unwrap());
        assert!(replace(&path, b"two").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
