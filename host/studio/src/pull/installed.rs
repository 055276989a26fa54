//! What was fetched, written down beside it: where each file came from and its digest. Only what has such a record is
//! ever removed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::PullError;
use super::plan::{Origin, PlannedFile};
use crate::catalogue::Sha256;

/// The record's name in the model's folder.
pub const RECORD: &str = "qpyt-model.json";
/// The largest record that is read.
const MOST_BYTES: u64 = 4 << 20;

/// The record of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) model: String,
    /// When the last file came, in seconds since 1970.
    pub(super) fetched_at: i64,
    /// By their places in the folder.
    pub(super) files: BTreeMap<String, RecordedFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordedFile {
    pub(super) bytes: u64,
    pub(super) sha256: Sha256,
    /// Somebody had said the digest before the file came; otherwise it is what came.
    pub(super) promised: bool,
    pub(super) origin: Origin,
}

impl RecordedFile {
    /// A file that came whole.
    pub(super) fn new(file: &PlannedFile, bytes: u64, sha256: Sha256) -> Self {
        Self { bytes, sha256, promised: file.sha256.is_some(), origin: file.origin.clone() }
    }
}

impl Record {
    /// A record of now.
    pub(super) fn new(model: &str, files: BTreeMap<String, RecordedFile>) -> Self {
        Self { model: model.to_owned(), fetched_at: Timestamp::now().as_second(), files }
    }

    /// The record in a model's folder.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let mut text = Vec::new();
        File::open(folder.join(RECORD)).ok()?.take(MOST_BYTES).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes it among the files that will be the model's folder.
    pub(super) fn write(&self, folder: &Path) -> Result<(), PullError> {
        let path = folder.join(RECORD);
        let written = || {
            let mut file = File::create(&path)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()
        };
        written().map_err(|source| PullError::disk("write", &path, &source))
    }

    /// Bytes of all its files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }
}

/// Moves a whole model to its place.
pub(super) fn settle(files: &Path, place: &Path) -> Result<(), PullError> {
    if place.exists() {
        return Err(PullError::Occupied(place.to_path_buf()));
    }
    fs::rename(files, place).map_err(|source| PullError::disk("make", place, &source))
}
