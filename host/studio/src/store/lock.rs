//! One owner per data folder, and one process at a time that opens its database: lock files that the operating
//! system releases when their holder dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::StoreError;

/// Holds the data folder until dropped.
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the folder or says who has it.
    pub(super) fn take(data: &Path) -> Result<Self, StoreError> {
        let path = data.join("qpyt.lock");
        let mut file = open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { data: data.to_path_buf(), pid: read_pid(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(StoreError::io("lock", &path, source)),
        }
        write_pid(&mut file).map_err(|source| StoreError::io("write", &path, source))?;
        Ok(Self { _file: file })
    }
}

/// Held while the database is made, switched to its journal or upgraded, until dropped. Two that switch a new file to
/// its write-ahead log at once refuse each other: SQLite answers "locked" there without waiting.
pub(super) struct OpeningLock {
    _file: File,
}

impl OpeningLock {
    /// Waits until no other process opens the database of this folder, a matter of milliseconds.
    pub(super) fn wait(data: &Path) -> Result<Self, StoreError> {
        let path = data.join("qpyt.opening");
        let file = open(&path)?;
        file.lock().map_err(|source| StoreError::io("lock", &path, source))?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(|source| StoreError::io("open", path, source))
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}
