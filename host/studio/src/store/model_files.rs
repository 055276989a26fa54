//! Digests of model files. Hashing gigabytes takes long, so a digest is kept until the file's size or time of
//! change differ.

use std::fs::{self, File};
use std::path::Path;
use std::time::UNIX_EPOCH;

use qpyt_bricks::Digest;
use rusqlite::{OptionalExtension, params};

use super::columns::Name;
use super::{Store, StoreError};

impl Store {
    /// The digest of a file's bytes, read from disk only when the file changed since it was last asked for.
    ///
    /// # Errors
    /// When the file cannot be read or the database fails.
    pub fn file_digest(&self, path: &Path) -> Result<Digest, StoreError> {
        let name = path.to_string_lossy();
        let (bytes, modified) = stamp(path)?;
        let known: Option<Name> = self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT digest FROM file_digests WHERE path = ?1 AND bytes = ?2 AND modified_ns = ?3",
                )?
                .query_row(params![name, bytes, modified], |row| row.get(0))
                .optional()
        })?;
        if let Some(Name(digest)) = known {
            return Ok(digest);
        }
        let digest = hash(path)?;
        // A file that changed while it was read is hashed again next time.
        if stamp(path)? == (bytes, modified) {
            self.change(|change| {
                change.transaction.execute(
                    "INSERT INTO file_digests (path, bytes, modified_ns, digest) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (path) DO UPDATE
                     SET bytes = excluded.bytes, modified_ns = excluded.modified_ns, digest = excluded.digest",
                    params![name, bytes, modified, Name(digest)],
                )?;
                Ok(())
            })?;
        }
        Ok(digest)
    }
}

/// Size in bytes and time of change in nanoseconds since 1970.
fn stamp(path: &Path) -> Result<(i64, i64), StoreError> {
    let failed = |source| StoreError::io("read", path, source);
    let metadata = fs::metadata(path).map_err(failed)?;
    let since_epoch = metadata.modified().map_err(failed)?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((
        i64::try_from(metadata.len()).unwrap_or(i64::MAX),
        i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX),
    ))
}

fn hash(path: &Path) -> Result<Digest, StoreError> {
    let failed = |source| StoreError::io("read", path, source);
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path).map_err(failed)?).map_err(failed)?;
    Ok(hasher.finalize().into())
}
