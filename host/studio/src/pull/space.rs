//! Room on the disk that models go to.

use std::path::Path;

/// Left free for everything else, in bytes.
const RESERVE: u64 = 64 << 20;

/// Bytes that may be written below a folder, or below its nearest parent that exists; `None` where the system does not
/// tell.
#[must_use]
pub fn free(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.exists())?;
    let free = asked(there)?;
    Some(free.saturating_sub(RESERVE))
}

#[cfg(unix)]
fn asked(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(not(unix))]
fn asked(_folder: &Path) -> Option<u64> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_room_of_a_folder_that_is_not_there_yet_is_that_of_its_parent() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free(&folder.path().join("a/b/c")).is_some_and(|bytes| bytes < 1 << 60));
    }
}
