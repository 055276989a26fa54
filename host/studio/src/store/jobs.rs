//! The queue that survives. Every change of state is one transaction together with the event that tells it:
//!
//! ```text
//! queued ──claim──▶ running ──finish──▶ succeeded | failed | cancelled
//!   │  ▲               │
//!   │  └──recover──────┤ (the program died; at most MAX_ATTEMPTS)
//!   └──cancel──▶ cancelled          └──recover──▶ interrupted
//! ```

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use qpyt_bricks::Digest;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::columns::{Json, Moment, Name};
use super::{Change, ChangeError, EventKind, Seq, Store, StoreError};

/// How often a job is begun, so that one which kills the program does not do so for ever.
const MAX_ATTEMPTS: u32 = 2;

/// The id of a job. A client may choose it: sending the same job twice with one id makes one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub Uuid);

impl JobId {
    /// A new id. Ids made later sort later.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for JobId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// Where a job is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waits for its lane.
    Queued,
    /// Is being worked on.
    Running,
    /// Done.
    Succeeded,
    /// Ended with an error.
    Failed,
    /// Stopped by the user.
    Cancelled,
    /// Lost when the program ended, and not tried again.
    Interrupted,
}

impl JobState {
    const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::Interrupted];

    /// The name in the database and in the HTTP API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether nothing more will happen to the job.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// Which workers take a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Serial: jobs that need a model.
    Accelerator,
    /// Parallel: jobs of bricks alone.
    Cpu,
}

impl Lane {
    const ALL: [Self; 2] = [Self::Accelerator, Self::Cpu];

    /// The name in the database and in the HTTP API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accelerator => "accelerator",
            Self::Cpu => "cpu",
        }
    }
}

/// The text names nothing of the kind.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no state or lane of a job")]
pub struct UnknownName(String);

macro_rules! named {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                Self::ALL
                    .into_iter()
                    .find(|one| one.as_str() == text)
                    .ok_or_else(|| UnknownName(text.to_owned()))
            }
        }
    )*};
}

named!(JobState, Lane);

/// A job to be queued.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its id, chosen by the client or [new](JobId::new).
    pub id: JobId,
    /// What people call it.
    pub name: String,
    /// The document as it will run, drawn seeds included.
    pub document: Value,
    /// The digest of what the client sent, before anything was drawn; tells a repeated request from another.
    pub request: Digest,
    /// The brick instances to run up to; empty means all.
    pub targets: Vec<String>,
    /// Who takes it.
    pub lane: Lane,
    /// The state of each brick instance to begin with; an object.
    pub bricks: Value,
}

/// A job without its document.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its place in the order of creation: the key for paging.
    pub number: i64,
    /// Its id.
    pub id: JobId,
    /// What people call it.
    pub name: String,
    /// The brick instances to run up to; empty means all.
    pub targets: Vec<String>,
    /// Where it is.
    pub state: JobState,
    /// Who takes it.
    pub lane: Lane,
    /// How many jobs of its lane are before it while it is queued; 0 is next.
    pub queue_position: Option<u32>,
    /// 1, or more after a restart.
    pub attempt: u32,
    /// Whether a cancel awaits the end of the running step.
    pub cancel_requested: bool,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When it last began to run.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Why it failed; an object.
    pub error: Option<Value>,
    /// The state of each brick instance; an object.
    pub bricks: Value,
    /// The number of the newest event about it.
    pub last_seq: Seq,
}

/// What became of a request to queue a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Inserted {
    /// It is queued.
    New(Job),
    /// It was sent before; this is how far it is.
    Existing(Job),
}

/// How a running job ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All its bricks ran.
    Succeeded,
    /// With this error; an object.
    Failed(Value),
    /// At the user's wish.
    Cancelled,
}

/// What became of a request to cancel.
#[derive(Debug, Clone, PartialEq)]
pub enum CancelOutcome {
    /// It waited and is cancelled now.
    Cancelled(Job),
    /// It runs; the wish is noted and the executor must stop it.
    Running(Job),
    /// It was over already.
    Finished(Job),
}

/// What a restart found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Jobs that ran and wait again, in their order.
    pub requeued: Vec<JobId>,
    /// Jobs that were tried too often.
    pub interrupted: Vec<JobId>,
    /// Jobs whose cancel was under way.
    pub cancelled: Vec<JobId>,
}

const COLUMNS: &str =
    "number, id, name, targets, state, lane, attempt, cancel_requested, created_at, started_at,
    finished_at, error, bricks, last_seq,
    CASE WHEN state = 'queued' THEN (
        SELECT count(*) FROM jobs AS ahead
        WHERE ahead.state = 'queued' AND ahead.lane = jobs.lane AND ahead.position < jobs.position
    ) END";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Job> {
    let targets: Json = row.get(3)?;
    let names = targets.0.as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(Job {
        number: row.get(0)?,
        id: row.get(1)?,
        name: row.get(2)?,
        targets: names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        state: row.get(4)?,
        lane: row.get(5)?,
        attempt: row.get(6)?,
        cancel_requested: row.get(7)?,
        created_at: row.get::<_, Moment>(8)?.0,
        started_at: row.get::<_, Option<Moment>>(9)?.map(|moment| moment.0),
        finished_at: row.get::<_, Option<Moment>>(10)?.map(|moment| moment.0),
        error: row.get::<_, Option<Json>>(11)?.map(|json| json.0),
        bricks: row.get::<_, Json>(12)?.0,
        last_seq: Seq(row.get(13)?),
        queue_position: row.get(14)?,
    })
}

fn find(connection: &Connection, id: JobId) -> rusqlite::Result<Option<Job>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1"))?
        .query_row([id], from_row)
        .optional()
}

fn get(connection: &Connection, id: JobId) -> Result<Job, ChangeError> {
    find(connection, id)?.ok_or(ChangeError::Refused(StoreError::NoJob(id)))
}

impl Store {
    /// How many jobs wait and run, by the name of their state.
    ///
    /// # Errors
    /// When the database fails.
    pub fn queue_lengths(&self) -> Result<Vec<(&'static str, u32)>, StoreError> {
        self.read(|connection| {
            let mut count = connection.prepare_cached("SELECT COUNT(*) FROM jobs WHERE state = ?1")?;
            [JobState::Queued, JobState::Running]
                .into_iter()
                .map(|state| Ok((state.as_str(), count.query_row([state.as_str()], |row| row.get(0))?)))
                .collect()
        })
    }

    /// Queues a job at the end of its lane. `max_queue` bounds the jobs that wait, over all lanes.
    ///
    /// # Errors
    /// [`StoreError::JobConflict`] when the id was used for another request, [`StoreError::QueueFull`].
    pub fn insert_job(&self, new: &NewJob, max_queue: u32) -> Result<Inserted, StoreError> {
        self.change(|change| {
            if let Some(existing) = find(&change.transaction, new.id)? {
                let request: Name = change
                    .transaction
                    .prepare_cached("SELECT request_digest FROM jobs WHERE id = ?1")?
                    .query_row([new.id], |row| row.get(0))?;
                if request.0 != new.request {
                    return Err(StoreError::JobConflict(new.id).into());
                }
                return Ok(Inserted::Existing(existing));
            }
            let waiting: u32 = change.transaction.query_row(
                "SELECT count(*) FROM jobs WHERE state = 'queued'",
                [],
                |row| row.get(0),
            )?;
            if waiting >= max_queue {
                return Err(StoreError::QueueFull { limit: max_queue }.into());
            }
            change.insert(new)?;
            change.append(new.id, EventKind::Queued, json!({ "attempt": 1 }))?;
            Ok(Inserted::New(get(&change.transaction, new.id)?))
        })
    }

    /// Takes the next job of the lane and marks it running, or returns none when none waits.
    ///
    /// # Errors
    /// When the database fails.
    pub fn claim_next(&self, lane: Lane) -> Result<Option<Job>, StoreError> {
        self.change(|change| {
            let claimed: Option<JobId> = change
                .transaction
                .prepare_cached(
                    "UPDATE jobs SET state = 'running', started_at = ?2
                     WHERE number = (SELECT number FROM jobs WHERE state = 'queued' AND lane = ?1
                                     ORDER BY position LIMIT 1)
                     RETURNING id",
                )?
                .query_row(params![lane, Moment::now()], |row| row.get(0))
                .optional()?;
            let Some(id) = claimed else { return Ok(None) };
            let attempt = get(&change.transaction, id)?.attempt;
            change.append(id, EventKind::Started, json!({ "attempt": attempt }))?;
            Ok(Some(get(&change.transaction, id)?))
        })
    }

    /// Ends a running job. Returns false, and changes nothing, when the job was not running.
    ///
    /// # Errors
    /// When the database fails.
    pub fn finish_job(&self, id: JobId, outcome: &Outcome, bricks: &Value) -> Result<bool, StoreError> {
        let (state, kind, error) = match outcome {
            Outcome::Succeeded => (JobState::Succeeded, EventKind::Succeeded, None),
            Outcome::Failed(error) => (JobState::Failed, EventKind::Failed, Some(error.clone())),
            Outcome::Cancelled => (JobState::Cancelled, EventKind::Cancelled, None),
        };
        let data = error.as_ref().map_or_else(|| json!({}), |error| json!({ "error": error }));
        self.change(|change| {
            let changed = change
                .transaction
                .prepare_cached(
                    "UPDATE jobs SET state = ?2, finished_at = ?3, error = ?4, bricks = ?5
                     WHERE id = ?1 AND state = 'running'",
                )?
                .execute(params![id, state, Moment::now(), error.map(Json), Json(bricks.clone())])?;
            if changed == 1 {
                change.append(id, kind, data)?;
            }
            Ok(changed == 1)
        })
    }

    /// Cancels a job: at once when it waits, by a note for its executor when it runs.
    ///
    /// # Errors
    /// [`StoreError::NoJob`].
    pub fn cancel_job(&self, id: JobId) -> Result<CancelOutcome, StoreError> {
        self.change(|change| {
            let was = get(&change.transaction, id)?;
            match was.state {
                JobState::Queued => {
                    change.end(id, JobState::Cancelled)?;
                    change.append(id, EventKind::Cancelled, json!({}))?;
                    Ok(CancelOutcome::Cancelled(get(&change.transaction, id)?))
                }
                JobState::Running => {
                    change.transaction.execute("UPDATE jobs SET cancel_requested = 1 WHERE id = ?1", [id])?;
                    Ok(CancelOutcome::Running(get(&change.transaction, id)?))
                }
                _ => Ok(CancelOutcome::Finished(was)),
            }
        })
    }

    /// Appends an event of a job and keeps the state of its bricks, both or neither.
    ///
    /// # Errors
    /// [`StoreError::NoJob`].
    pub fn record(
        &self,
        id: JobId,
        kind: EventKind,
        data: Value,
        bricks: Option<&Value>,
    ) -> Result<Seq, StoreError> {
        self.change(|change| {
            get(&change.transaction, id)?;
            if let Some(bricks) = bricks {
                change
                    .transaction
                    .prepare_cached("UPDATE jobs SET bricks = ?2 WHERE id = ?1")?
                    .execute(params![id, Json(bricks.clone())])?;
            }
            change.append(id, kind, data)
        })
    }

    /// Settles what a former process left running: cancelled where that was asked, otherwise interrupted and,
    /// while there are attempts left, queued again before all others. Call once, before any lane starts.
    ///
    /// # Errors
    /// When the database fails.
    pub fn recover(&self) -> Result<Recovered, StoreError> {
        self.change(|change| {
            let mut recovered = Recovered::default();
            // Latest first: each is put before the one put there last, so their order stays.
            for job in change.left_running()? {
                if job.cancel_requested {
                    change.end(job.id, JobState::Cancelled)?;
                    change.append(job.id, EventKind::Cancelled, json!({}))?;
                    recovered.cancelled.push(job.id);
                    continue;
                }
                let again = job.attempt < MAX_ATTEMPTS;
                change.append(
                    job.id,
                    EventKind::Interrupted,
                    json!({ "attempt": job.attempt, "requeued": again }),
                )?;
                if again {
                    change.queue_first(job.id)?;
                    change.append(job.id, EventKind::Queued, json!({ "attempt": job.attempt + 1 }))?;
                    recovered.requeued.insert(0, job.id);
                } else {
                    change.end(job.id, JobState::Interrupted)?;
                    recovered.interrupted.push(job.id);
                }
            }
            Ok(recovered)
        })
    }

    /// A job without its document.
    ///
    /// # Errors
    /// [`StoreError::NoJob`].
    pub fn job(&self, id: JobId) -> Result<Job, StoreError> {
        self.read(|connection| find(connection, id))?.ok_or(StoreError::NoJob(id))
    }

    /// Replaces the document of a job, to note in its lock what it runs on.
    ///
    /// # Errors
    /// When the database fails.
    pub fn note_document(&self, id: JobId, document: &Value) -> Result<(), StoreError> {
        self.change(|change| {
            change
                .transaction
                .prepare_cached("UPDATE jobs SET document = ?2 WHERE id = ?1")?
                .execute(params![id, Json(document.clone())])?;
            Ok(())
        })
    }

    /// The document of a job as it runs, drawn seeds included.
    ///
    /// # Errors
    /// [`StoreError::NoJob`].
    pub fn job_document(&self, id: JobId) -> Result<Value, StoreError> {
        self.read(|connection| {
            connection
                .query_row("SELECT document FROM jobs WHERE id = ?1", [id], |row| row.get::<_, Json>(0))
                .optional()
        })?
        .map(|json| json.0)
        .ok_or(StoreError::NoJob(id))
    }

    /// At most `limit` jobs, newest first, that were sent before the job with this number.
    ///
    /// # Errors
    /// When the database fails.
    pub fn jobs(&self, limit: u32, before: Option<i64>) -> Result<Vec<Job>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM jobs WHERE number < ?1 ORDER BY number DESC LIMIT ?2"
                ))?
                .query_map(params![before.unwrap_or(i64::MAX), limit], from_row)?
                .collect()
        })
    }

    /// Removes a finished job and its events, leaving one event that says so. Its pictures stay in the gallery.
    ///
    /// # Errors
    /// [`StoreError::NoJob`], [`StoreError::JobNotFinished`].
    pub fn delete_job(&self, id: JobId) -> Result<(), StoreError> {
        self.change(|change| {
            if !get(&change.transaction, id)?.state.is_final() {
                return Err(StoreError::JobNotFinished(id).into());
            }
            change.transaction.execute("DELETE FROM events WHERE job = ?1", [id])?;
            change.transaction.execute("DELETE FROM jobs WHERE id = ?1", [id])?;
            change.append(id, EventKind::Deleted, json!({}))?;
            Ok(())
        })
    }
}

impl Change<'_> {
    fn insert(&self, new: &NewJob) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached(
                "INSERT INTO jobs
                    (id, name, document, request_digest, targets, state, lane, attempt, position, created_at, bricks)
                 VALUES (?1, ?2, ?3, ?4, ?5, 'queued', ?6, 1,
                    (SELECT coalesce(max(position), 0) + 1 FROM jobs), ?7, ?8)",
            )?
            .execute(params![
                new.id,
                new.name,
                Json(new.document.clone()),
                Name(new.request),
                Json(Value::from(new.targets.clone())),
                new.lane,
                Moment::now(),
                Json(new.bricks.clone()),
            ])?;
        Ok(())
    }

    fn left_running(&self) -> rusqlite::Result<Vec<Job>> {
        self.transaction
            .prepare(&format!("SELECT {COLUMNS} FROM jobs WHERE state = 'running' ORDER BY position DESC"))?
            .query_map([], from_row)?
            .collect()
    }

    /// Puts a job before all others for its next attempt.
    fn queue_first(&self, id: JobId) -> rusqlite::Result<()> {
        self.transaction.execute(
            "UPDATE jobs SET state = 'queued', attempt = attempt + 1, started_at = NULL, bricks = '{}',
                position = (SELECT min(position) - 1 FROM jobs)
             WHERE id = ?1",
            [id],
        )?;
        Ok(())
    }

    fn end(&self, id: JobId, state: JobState) -> rusqlite::Result<()> {
        self.transaction.execute(
            "UPDATE jobs SET state = ?2, finished_at = ?3 WHERE id = ?1",
            params![id, state, Moment::now()],
        )?;
        Ok(())
    }
}
