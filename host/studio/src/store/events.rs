//! The append-only log of what happened to jobs. Clients read on from the last number they saw, so a reload or
//! a lost connection misses nothing.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::Value;

use super::columns::{Json, Moment};
use super::{Change, ChangeError, JobId, Store, StoreError};

/// The number of an event. It grows with every event and is never used twice.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Seq(pub i64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// The job entered the queue (again).
    Queued,
    /// The job runs.
    Started,
    /// A brick of the job runs.
    BrickStarted,
    /// A brick is done; its outputs are known.
    BrickFinished,
    /// A brick failed.
    BrickFailed,
    /// A brick said something.
    Log,
    /// A picture joined the gallery.
    Result,
    /// The job is done.
    Succeeded,
    /// The job failed.
    Failed,
    /// The job was cancelled.
    Cancelled,
    /// The program ended while the job ran.
    Interrupted,
    /// The job was removed from the history.
    Deleted,
}

impl EventKind {
    const ALL: [Self; 12] = [
        Self::Queued,
        Self::Started,
        Self::BrickStarted,
        Self::BrickFinished,
        Self::BrickFailed,
        Self::Log,
        Self::Result,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Interrupted,
        Self::Deleted,
    ];

    /// The name in the log and in the HTTP API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Started => "started",
            Self::BrickStarted => "brick-started",
            Self::BrickFinished => "brick-finished",
            Self::BrickFailed => "brick-failed",
            Self::Log => "log",
            Self::Result => "result",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Deleted => "deleted",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no kind of event.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no kind of event")]
pub struct UnknownEventKind(String);

impl FromStr for EventKind {
    type Err = UnknownEventKind;

    fn from_str(text: &str) -> Result<Self, UnknownEventKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownEventKind(text.to_owned()))
    }
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number.
    pub seq: Seq,
    /// The job it is about.
    pub job: JobId,
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// More, by kind; an object.
    pub data: Value,
}

impl Change<'_> {
    /// Appends an event to the log and notes its number at the job.
    pub(super) fn append(&mut self, job: JobId, kind: EventKind, data: Value) -> Result<Seq, ChangeError> {
        self.transaction
            .prepare_cached("INSERT INTO events (job, kind, at, data) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![job, kind, Moment::now(), Json(data)])?;
        let seq = Seq(self.transaction.last_insert_rowid());
        self.transaction
            .prepare_cached("UPDATE jobs SET last_seq = ?2 WHERE id = ?1")?
            .execute(params![job, seq.0])?;
        self.newest = Some(seq);
        Ok(seq)
    }
}

impl Store {
    /// At most `limit` events after `seq`, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn events_after(&self, seq: Seq, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT seq, job, kind, at, data FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2",
                )?
                .query_map(params![seq.0, limit], |row| {
                    Ok(Event {
                        seq: Seq(row.get(0)?),
                        job: row.get(1)?,
                        kind: row.get(2)?,
                        at: row.get::<_, Moment>(3)?.0,
                        data: row.get::<_, Json>(4)?.0,
                    })
                })?
                .collect()
        })
    }
}

/// The number of the newest event ever written, also of one that was deleted since.
pub(super) fn last_seq(connection: &Connection) -> rusqlite::Result<Seq> {
    connection
        .query_row("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'", [], |row| {
            row.get(0)
        })
        .map(Seq)
}
