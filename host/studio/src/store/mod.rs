//! Everything that stays when the program ends, under one data folder: jobs and their events, cached results,
//! pictures, the gallery, saved workflows, grants, the audit and secrets.
//!
//! ```text
//! <data>/qpyt.lock     held by the process that uses the folder
//!        qpyt.db       SQLite: all rows
//!        secrets.json  what the person keeps from bricks while letting them use it
//!        content/      pictures, tensors and files, named by their digests
//!        workflows/    one JSON document per saved workflow
//!        bricks/       bricks that the user added
//!        models/       models that the user added or fetched
//!        cache/        compiled bricks and other things that can be made again
//! ```
//!
//! Calls are short and block; asynchronous callers use `spawn_blocking` with an `Arc<Store>`.

mod audit;
mod brick_state;
mod columns;
mod content;
mod error;
mod events;
mod files;
mod gallery;
mod grants;
mod jobs;
mod lock;
mod model_files;
mod publishers;
mod runs;
mod schema;
mod secrets;
mod switches;
mod workflows;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::watch;

pub use audit::{Call, CallOutcome, Denials, NewCall};
pub use content::{Content, ContentKind, ContentStore};
pub use error::StoreError;
pub use events::{Event, EventKind, Seq};
pub use gallery::{GalleryEntry, NewGalleryEntry};
pub use grants::{Grant, NewGrant};
pub use jobs::{CancelOutcome, Inserted, Job, JobId, JobState, Lane, NewJob, Outcome, Recovered};
pub use publishers::Remembered;
pub use runs::CachedRun;
pub use secrets::{SecretInfo, SecretValue};
pub use workflows::{BadName, SaveMode, SavedWorkflow, WorkflowName};

/// The open data folder. One process at a time owns it; others may look in beside it.
pub struct Store {
    data: PathBuf,
    database: PathBuf,
    connection: Mutex<Connection>,
    content: Arc<ContentStore>,
    workflows: Mutex<workflows::WorkflowFolder>,
    last_seq: watch::Sender<Seq>,
    _lock: Option<lock::FolderLock>,
}

impl Store {
    /// Opens the data folder as its owner, making what is missing (readable by the user only).
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process owns it, [`StoreError::NewerDatabase`] when a newer program
    /// wrote it, and whatever the disk or SQLite refuse.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        files::create_folder(data)?;
        let lock = lock::FolderLock::take(data)?;
        let store = Self::open_with(data, Some(lock))?;
        store.content.clear_staging()?;
        Ok(store)
    }

    /// Opens the data folder beside its owner, if it has one: to look, to give permissions, to queue a job that the
    /// owner runs. Must not [`recover`](Self::recover) or claim jobs.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for the lock.
    pub fn open_beside(data: &Path) -> Result<Self, StoreError> {
        files::create_folder(data)?;
        Self::open_with(data, None)
    }

    fn open_with(data: &Path, lock: Option<lock::FolderLock>) -> Result<Self, StoreError> {
        for name in ["bricks", "cache", "wildcards"] {
            files::create_folder(&data.join(name))?;
        }
        let database = data.join("qpyt.db");
        let connection = {
            let _opening = lock::OpeningLock::wait(data)?;
            schema::open(&database)?
        };
        let last_seq =
            events::last_seq(&connection).map_err(|source| StoreError::database(&database, source))?;
        Ok(Self {
            data: data.to_path_buf(),
            connection: Mutex::new(connection),
            database,
            content: Arc::new(ContentStore::open(&data.join("content"))?),
            workflows: Mutex::new(workflows::WorkflowFolder::open(&data.join("workflows"))?),
            last_seq: watch::Sender::new(last_seq),
            _lock: lock,
        })
    }

    /// Where compiled bricks and other things that can be made again are kept.
    #[must_use]
    pub fn cache_folder(&self) -> PathBuf {
        self.data.join("cache")
    }

    /// Where bricks that the user added are kept.
    #[must_use]
    pub fn bricks_folder(&self) -> PathBuf {
        self.data.join("bricks")
    }

    /// Where the lists for prompts lie.
    #[must_use]
    pub fn wildcards_folder(&self) -> PathBuf {
        self.data.join("wildcards")
    }

    /// Pictures, tensors and files by digest.
    #[must_use]
    pub fn content(&self) -> &Arc<ContentStore> {
        &self.content
    }

    /// Tells the number of the newest event after each change. Read what is new with
    /// [`events_after`](Self::events_after).
    #[must_use]
    pub fn watch_events(&self) -> watch::Receiver<Seq> {
        self.last_seq.subscribe()
    }

    /// Reads without changing anything.
    fn read<T>(&self, run: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        run(&connection).map_err(|source| StoreError::database(&self.database, source))
    }

    /// Runs one transaction: all of it happens, with its events, or nothing.
    fn change<T>(
        &self,
        run: impl FnOnce(&mut Change<'_>) -> Result<T, ChangeError>,
    ) -> Result<T, StoreError> {
        let failed = |source| StoreError::database(&self.database, source);
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let mut change = Change { transaction, newest: None };
        let value = run(&mut change).map_err(|error| match error {
            ChangeError::Database(source) => failed(source),
            ChangeError::Refused(error) => error,
        })?;
        change.transaction.commit().map_err(failed)?;
        // Still under the lock, so that the watched number never goes back.
        if let Some(seq) = change.newest {
            self.last_seq.send_replace(seq);
        }
        Ok(value)
    }
}

/// A running transaction and the newest event in it.
struct Change<'a> {
    transaction: rusqlite::Transaction<'a>,
    newest: Option<Seq>,
}

/// Why a transaction is rolled back.
enum ChangeError {
    Database(rusqlite::Error),
    Refused(StoreError),
}

impl From<rusqlite::Error> for ChangeError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}
