//! One process sets a thing up; others wait until it is done.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use qpyt_author::FileError;

/// Held while something is set up; released when dropped, and by the system when the process dies.
pub(super) struct SetupLock {
    _file: File,
}

impl SetupLock {
    /// Waits for the lock file `path`, which is made with its folder.
    pub(super) fn wait(path: &Path) -> Result<Self, FileError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(FileError::on("create the folder", folder))?;
        }
        let file = File::create(path).map_err(FileError::on("create", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                eprintln!("Waiting for another qpyt that is setting up");
                file.lock().map_err(FileError::on("lock", path))?;
            }
            Err(TryLockError::Error(error)) => return Err(FileError::on("lock", path)(error)),
        }
        Ok(Self { _file: file })
    }
}
