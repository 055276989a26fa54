//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::StoreError;

/// Makes the folder and its parents, readable by the user only. A folder that exists is left as it is.
pub(super) fn create_folder(path: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| StoreError::io("create the folder", path, source))
}

/// Writes `parts` one after the other to `target` by way of a new file in `staging`, a folder on the same disk.
/// After a crash the target is either as before or complete. Replaces what is there.
pub(super) fn write_whole(staging: &Path, target: &Path, parts: &[&[u8]]) -> Result<(), StoreError> {
    let temporary = Temporary::new(staging);
    temporary
        .fill(&fs::OpenOptions::new(), parts)
        .map_err(|source| StoreError::io("write", &temporary.path, source))?;
    temporary.become_file(target)
}

/// Like [`write_whole`], for the owner's eyes only.
pub(super) fn write_private(staging: &Path, target: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = Temporary::new(staging);
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    temporary.fill(&options, &[bytes]).map_err(|source| StoreError::io("write", &temporary.path, source))?;
    temporary.become_file(target)
}

/// Makes a rename durable. Folders cannot be opened as files on Windows, which needs no such step.
fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    if cfg!(unix) {
        File::open(folder)
            .and_then(|file| file.sync_all())
            .map_err(|source| StoreError::io("write", folder, source))?;
    }
    Ok(())
}

/// A file under a name nobody else uses; removed unless it was renamed away.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn new(staging: &Path) -> Self {
        Self { path: staging.join(format!("{}.tmp", uuid::Uuid::new_v4())) }
    }

    fn fill(&self, options: &fs::OpenOptions, parts: &[&[u8]]) -> io::Result<()> {
        let mut file = options.clone().write(true).create_new(true).open(&self.path)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()
    }

    /// Takes the place of `target`.
    fn become_file(self, target: &Path) -> Result<(), StoreError> {
        if let Some(folder) = target.parent() {
            create_folder(folder)?;
        }
        fs::rename(&self.path, target).map_err(|source| StoreError::io("write", target, source))?;
        target.parent().map_or(Ok(()), sync_folder)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a successful rename there is nothing left under this name.
        let _gone = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_write_to_a_full_device_is_told_as_no_space_with_the_folder() {
        let full = Path::new("/dev/full");
        let source = fs::OpenOptions::new().write(true).open(full).unwrap().write_all(b"x").unwrap_err();
        let error = StoreError::io("write", full, source);
        assert!(matches!(&error, StoreError::NoSpace { folder } if folder == Path::new("/dev")), "{error}");
        assert!(error.to_string().contains("/dev"));
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_rest() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("kept");
        write_whole(folder.path(), &target, &[b"first ", b"version"]).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"first version");

        let missing = folder.path().join("no such folder");
        assert!(write_whole(&missing, &target, &[b"second"]).is_err());
        assert_eq!(fs::read(&target).unwrap(), b"first version");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
