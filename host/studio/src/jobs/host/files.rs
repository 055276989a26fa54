//! Writing pictures into folders that the person allowed.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use qpyt_bricks::capability::{Files, StoreError as BrickStoreError};
use qpyt_bricks::media::{Container, Image, encode};

use super::{BrickHost, closed};
use crate::permissions::Power;

/// The most names that are tried for a file before the folder counts as full of them.
const MOST_NAMES: u32 = 10_000;

#[async_trait]
impl Files for BrickHost {
    async fn save(
        &self,
        picture: Image,
        folder: String,
        name: String,
        container: Container,
        quality: u8,
    ) -> Result<String, BrickStoreError> {
        let gate = self.gate.clone();
        Self::blocking(move || {
            plain_name(&name)?;
            // What is no folder is granted to nobody, so it is refused as it is written.
            let folder = Power::Folder.scope(&folder).unwrap_or(folder);
            let note = format!("write {name}.{}", container.extension());
            gate.ask(Power::Folder, &folder, &note).map_err(closed)?;
            let folder = PathBuf::from(folder);
            let file = encode(&picture, container, quality)
                .map_err(|error| BrickStoreError::Other(error.to_string()))?;
            write_new(&folder, &name, container, &file).map(|path| path.to_string_lossy().into_owned())
        })
        .await
    }
}

/// The name of a file without its ending, as a brick may choose it.
fn plain_name(name: &str) -> Result<(), BrickStoreError> {
    let plain = !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('.')
        && !name.chars().any(|letter| letter.is_control() || "/\\:*?\"<>|".contains(letter));
    if plain {
        return Ok(());
    }
    Err(BrickStoreError::BadArgument(format!("“{name}” can't be the name of a file")))
}

/// Writes a file under the first free name: `name`, `name (2)`, `name (3)`...
fn write_new(
    folder: &Path,
    name: &str,
    container: Container,
    file: &[u8],
) -> Result<PathBuf, BrickStoreError> {
    for number in 1..=MOST_NAMES {
        let count = if number == 1 { String::new() } else { format!(" ({number})") };
        let path = folder.join(format!("{name}{count}.{}", container.extension()));
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut open) => {
                let written = std::io::Write::write_all(&mut open, file);
                return written.map(|()| path.clone()).map_err(|error| {
                    // Half a picture is worse than none.
                    let _ = std::fs::remove_file(&path);
                    unwritable(&path, &error)
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unwritable(&path, &error)),
        }
    }
    Err(BrickStoreError::Other(format!("{} has {MOST_NAMES} files named {name}", folder.display())))
}

fn unwritable(path: &Path, error: &std::io::Error) -> BrickStoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            BrickStoreError::NoSpace(format!("the disk is full, {} was not written", path.display()))
        }
        _ => BrickStoreError::Other(format!("{} can't be written: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_be_a_path() {
        for wrong in ["", "../a", "a/b", "a\\b", ".hidden", "a\0b", "c:d"] {
            assert!(plain_name(wrong).is_err(), "{wrong:?}");
        }
        assert!(plain_name("2026-11-23 red apple (1)").is_ok());
    }

    #[test]
    fn a_taken_name_gets_a_number_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        for (content, expected) in [("one", "a.png"), ("two", "a (2).png"), ("three", "a (3).png")] {
            let path = write_new(folder.path(), "a", Container::Png, content.as_bytes()).unwrap();
            assert_eq!(path.file_name().unwrap(), expected);
            assert_eq!(std::fs::read_to_string(path).unwrap(), content);
        }
    }
}
