//! Copies of the last good versions of each place, so that a person can go back to one, also after a restart, and so
//! that a file that was cut short by a power loss does not leave a studio without its brick.
//!
//! ```text
//! <shelf>/<place id>/place.json             which versions, in order, and which one was chosen
//!                    <digest>/brick.toml    a version from a folder, with its component
//!                    <digest>/brick.wasm    a version from a single file
//! ```

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::PlaceId;
use crate::{Binary, Digest, manifest::MANIFEST_FILE};

const RECORD_FILE: &str = "place.json";
const SINGLE_FILE: &str = "brick.wasm";
/// Records of places that went; the oldest go first.
const MAX_PLACES: usize = 2000;
const MAX_RECORD_BYTES: u64 = 64 << 10;

/// The folder of kept versions.
#[derive(Debug, Clone)]
pub(super) struct Shelf(PathBuf);

/// What is kept of a place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Record {
    /// Where the place is, for people who look in here.
    pub(super) path: PathBuf,
    /// Newest first.
    pub(super) versions: Vec<KeptVersion>,
    /// The version that the person chose over the one in the place's file.
    pub(super) selected: Option<Digest>,
    /// The version in the place's file when this was written.
    pub(super) in_file: Option<Digest>,
}

/// One kept version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptVersion {
    pub(super) digest: Digest,
    /// Seconds since 1970.
    loaded_at: u64,
    /// It crashed too often and is set aside.
    #[serde(default)]
    pub(super) quarantined: bool,
}

impl KeptVersion {
    pub(super) fn new(digest: Digest, loaded_at: SystemTime, quarantined: bool) -> Self {
        let loaded_at = loaded_at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { digest, loaded_at, quarantined }
    }

    pub(super) fn loaded_at(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.loaded_at)).unwrap_or(UNIX_EPOCH)
    }
}

impl Shelf {
    pub(super) fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// What is kept of the place; nothing if there is no sound record.
    pub(super) fn record(&self, place: &PlaceId) -> Record {
        let path = self.folder(place).join(RECORD_FILE);
        let small = fs::metadata(&path).is_ok_and(|metadata| metadata.len() <= MAX_RECORD_BYTES);
        let text = if small { fs::read(&path).ok() } else { None };
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Where to load a kept version from.
    pub(super) fn version(&self, place: &PlaceId, digest: &Digest) -> PathBuf {
        let folder = self.folder(place).join(digest.hex());
        let single = folder.join(SINGLE_FILE);
        if folder.join(MANIFEST_FILE).is_file() { folder } else { single }
    }

    /// Copies the files of a version that was just loaded. Does nothing if they are here or were written since.
    pub(super) fn copy(&self, place: &PlaceId, binary: &Binary) -> io::Result<()> {
        let target = self.folder(place).join(binary.digest().hex());
        let source = binary.path();
        let (component, name) = match source.is_dir() {
            true => (source.join(&binary.manifest().wasm), binary.manifest().wasm.as_str()),
            false => (source.to_owned(), SINGLE_FILE),
        };
        if crate::load::holds(&self.version(place, binary.digest()), binary.digest())
            || !crate::load::holds(source, binary.digest())
        {
            return Ok(());
        }
        fs::create_dir_all(&target)?;
        replace(&target.join(name), &fs::read(&component)?)?;
        if source.is_dir() {
            replace(&target.join(MANIFEST_FILE), &fs::read(source.join(MANIFEST_FILE))?)?;
        }
        Ok(())
    }

    /// Writes the record, and removes what it does not name.
    pub(super) fn write(&self, place: &PlaceId, record: &Record) -> io::Result<()> {
        let folder = self.folder(place);
        fs::create_dir_all(&folder)?;
        let text = serde_json::to_vec_pretty(record).map_err(io::Error::other)?;
        replace(&folder.join(RECORD_FILE), &text)?;
        for entry in fs::read_dir(&folder)?.filter_map(Result::ok) {
            let name = entry.file_name();
            let named = record.versions.iter().any(|version| name == *version.digest.hex());
            if !named && entry.path().is_dir() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        self.remove_oldest()
    }

    fn remove_oldest(&self) -> io::Result<()> {
        let mut places: Vec<_> = fs::read_dir(&self.0)?
            .filter_map(Result::ok)
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        if places.len() <= MAX_PLACES {
            return Ok(());
        }
        places.sort();
        let surplus = places.len() - MAX_PLACES;
        places.iter().take(surplus).try_for_each(|(_, path)| fs::remove_dir_all(path))
    }

    fn folder(&self, place: &PlaceId) -> PathBuf {
        self.0.join(place.as_str())
    }
}

/// Replaces a file in one step; what was there stays whole if the power goes.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, content)?;
    file.as_file().sync_data()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_a_broken_one_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(folder.path());
        let place = PlaceId::of(Path::new("/bricks/a"));
        let version = KeptVersion::new(Digest::of(b"one"), SystemTime::now(), true);
        let record =
            Record { versions: vec![version], selected: Some(Digest::of(b"one")), ..Record::default() };
        shelf.write(&place, &record).unwrap();
        assert_eq!(shelf.record(&place), record);
        fs::write(folder.path().join(place.as_str()).join(RECORD_FILE), "{").unwrap();
        assert_eq!(shelf.record(&place), Record::default());
    }

    #[test]
    fn versions_that_the_record_does_not_name_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(folder.path());
        let place = PlaceId::of(Path::new("/bricks/a"));
        let [kept, gone] = [Digest::of(b"kept"), Digest::of(b"gone")];
        for digest in [kept, gone] {
            fs::create_dir_all(folder.path().join(place.as_str()).join(digest.hex())).unwrap();
        }
        let versions = vec![KeptVersion::new(kept, SystemTime::now(), false)];
        shelf.write(&place, &Record { versions, ..Record::default() }).unwrap();
        assert!(folder.path().join(place.as_str()).join(kept.hex()).is_dir());
        assert!(!folder.path().join(place.as_str()).join(gone.hex()).exists());
    }
}
