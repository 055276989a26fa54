//! Finished pictures that the user keeps, and pictures that the user brought.

use jiff::Timestamp;
use qpyt_bricks::Digest;
use qpyt_bricks::media::Container;
use rusqlite::{Row, params};
use serde_json::{Value, json};

use super::columns::{ContainerName, Json, Moment, Name};
use super::{EventKind, JobId, Store, StoreError};

/// A picture that joins the gallery.
#[derive(Debug, Clone, PartialEq)]
pub struct NewGalleryEntry {
    /// The job that made it.
    pub job: JobId,
    /// The brick instance that gave it out.
    pub brick: String,
    /// What people call it; may be empty.
    pub title: String,
    /// Its pixels in the content store.
    pub image: Digest,
    /// The finished file in the content store.
    pub file: Digest,
    /// How the file is written.
    pub container: Container,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The size of the file.
    pub bytes: u64,
    /// How it was made; an object.
    pub info: Value,
}

/// A picture in the gallery.
#[derive(Debug, Clone, PartialEq)]
pub struct GalleryEntry {
    /// Its number; newer ones are greater.
    pub id: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it is.
    pub picture: NewGalleryEntry,
}

const COLUMNS: &str = "id, created_at, job, brick, title, image, file, container, width, height, bytes, info";

fn from_row(row: &Row<'_>) -> rusqlite::Result<GalleryEntry> {
    Ok(GalleryEntry {
        id: row.get(0)?,
        created_at: row.get::<_, Moment>(1)?.0,
        picture: NewGalleryEntry {
            job: row.get(2)?,
            brick: row.get(3)?,
            title: row.get(4)?,
            image: row.get::<_, Name>(5)?.0,
            file: row.get::<_, Name>(6)?.0,
            container: row.get::<_, ContainerName>(7)?.0,
            width: row.get(8)?,
            height: row.get(9)?,
            bytes: u64::try_from(row.get::<_, i64>(10)?).unwrap_or_default(),
            info: row.get::<_, Json>(11)?.0,
        },
    })
}

impl Store {
    /// Adds a picture to the gallery and tells so with a `result` event, whose data is `describe(entry)` under
    /// the key `result`.
    ///
    /// # Errors
    /// When the database fails.
    pub fn add_result(
        &self,
        new: &NewGalleryEntry,
        describe: impl FnOnce(&GalleryEntry) -> Value,
    ) -> Result<GalleryEntry, StoreError> {
        self.change(|change| {
            let created = Moment::now();
            change
                .transaction
                .prepare_cached(
                    "INSERT INTO results
                        (created_at, job, brick, title, image, file, container, width, height, bytes, info)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                )?
                .execute(params![
                    created,
                    new.job,
                    new.brick,
                    new.title,
                    Name(new.image),
                    Name(new.file),
                    ContainerName(new.container),
                    new.width,
                    new.height,
                    i64::try_from(new.bytes).unwrap_or(i64::MAX),
                    Json(new.info.clone()),
                ])?;
            let entry = GalleryEntry {
                id: change.transaction.last_insert_rowid(),
                created_at: created.0,
                picture: new.clone(),
            };
            change.append(new.job, EventKind::Result, json!({ "result": describe(&entry) }))?;
            Ok(entry)
        })
    }

    /// At most `limit` pictures, newest first, older than the one with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub fn gallery(&self, limit: u32, before: Option<i64>) -> Result<Vec<GalleryEntry>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM results WHERE id < ?1 ORDER BY id DESC LIMIT ?2"
                ))?
                .query_map(params![before.unwrap_or(i64::MAX), limit], from_row)?
                .collect()
        })
    }

    /// The pictures of a job that are in the gallery, in the order they were made.
    ///
    /// # Errors
    /// When the database fails.
    pub fn results_of(&self, job: JobId) -> Result<Vec<GalleryEntry>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM results WHERE job = ?1 ORDER BY id"))?
                .query_map([job], from_row)?
                .collect()
        })
    }

    /// Takes a picture out of the gallery. Its content stays as long as cached results use it.
    ///
    /// # Errors
    /// [`StoreError::NoResult`].
    pub fn delete_result(&self, id: i64) -> Result<(), StoreError> {
        self.change(|change| match change.transaction.execute("DELETE FROM results WHERE id = ?1", [id])? {
            0 => Err(StoreError::NoResult(id).into()),
            _ => Ok(()),
        })
    }

    /// Notes a picture that the user brought; its pixels must be in the content store already.
    ///
    /// # Errors
    /// When the database fails.
    pub fn record_upload(&self, digest: Digest, width: u32, height: u32) -> Result<(), StoreError> {
        self.change(|change| {
            change.transaction.execute(
                "INSERT INTO uploads (digest, width, height, created_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (digest) DO NOTHING",
                params![Name(digest), width, height, Moment::now()],
            )?;
            Ok(())
        })
    }
}
