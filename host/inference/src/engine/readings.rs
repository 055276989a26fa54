//! What was read of models, kept while their files stay as they are: the next look at a folder then costs a glance at
//! each file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use super::found::{Found, Look};
use super::resident::lock;

/// A file that was changed so lately could change again without its time of change telling.
const SETTLED_AFTER: Duration = Duration::from_secs(2);
/// Most files of a folder that are compared; what is found in a folder with more is not kept.
const MAX_FILES: usize = 4096;

/// Readings by the paths that they depend on.
#[derive(Default)]
pub(super) struct Readings {
    kept: Mutex<BTreeMap<Vec<PathBuf>, Reading>>,
}

struct Reading {
    stamp: Stamp,
    found: Option<Found>,
    /// True if the look that is under way came by.
    used: bool,
}

impl Readings {
    /// What `read` finds at some paths, from memory if no file there has changed since. What is broken is read anew
    /// every time: the cause may be one that files do not show, such as a missing permission.
    pub(super) fn look(&self, paths: &[&Path], read: impl FnOnce() -> Look) -> Look {
        let now = SystemTime::now();
        // Taken before reading, so that what changes meanwhile is seen the next time.
        let Some(stamp) = Stamp::of(paths) else { return read() };
        let key: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
        if let Some(reading) = lock(&self.kept).get_mut(&key)
            && reading.stamp == stamp
        {
            reading.used = true;
            return Ok(reading.found.clone());
        }
        let found = read()?;
        if stamp.is_settled(now) {
            lock(&self.kept).insert(key, Reading { stamp, found: found.clone(), used: true });
        }
        Ok(found)
    }

    /// Ends a look: forgets paths that it did not come by.
    pub(super) fn forget_unused(&self) {
        lock(&self.kept).retain(|_, reading| std::mem::take(&mut reading.used));
    }
}

/// Names, sizes and times of change of the files that a reading can depend on: the file itself, or all files of a
/// folder and of the folders in it, which hold a model's components.
#[derive(PartialEq, Eq)]
struct Stamp(Vec<(PathBuf, u64, SystemTime)>);

impl Stamp {
    /// None if the files cannot be listed or are too many.
    fn of(paths: &[&Path]) -> Option<Self> {
        let mut files = Vec::new();
        for path in paths {
            if path.is_dir() {
                gather(path, 1, &mut files)?;
            } else {
                files.push(stamp_of_file(path)?);
            }
        }
        files.sort();
        Some(Self(files))
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        let age = |changed: &SystemTime| now.duration_since(*changed).unwrap_or_default();
        self.0.iter().all(|(_, _, changed)| age(changed) >= SETTLED_AFTER)
    }
}

/// Adds the files of a folder and of `levels` levels of folders in it.
fn gather(folder: &Path, levels: usize, files: &mut Vec<(PathBuf, u64, SystemTime)>) -> Option<()> {
    for entry in std::fs::read_dir(folder).ok()? {
        let path = entry.ok()?.path();
        if path.is_dir() {
            if levels > 0 {
                gather(&path, levels - 1, files)?;
            }
        } else if let Some(file) = stamp_of_file(&path) {
            files.push(file);
        }
        if files.len() > MAX_FILES {
            return None;
        }
    }
    Some(())
}

fn stamp_of_file(path: &Path) -> Option<(PathBuf, u64, SystemTime)> {
    let metadata = path.metadata().ok()?;
    Some((path.to_path_buf(), metadata.len(), metadata.modified().ok()?))
}
