//! Who used what power: one line per call that a person would want to know of, and how often each brick was denied.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use qpyt_bricks::Digest;
use rusqlite::{Row, params};
use serde::Serialize;
use utoipa::ToSchema;

use super::columns::{Moment, Name};
use super::{Change, ChangeError, JobId, Store, StoreError};

/// The audit keeps the newest lines, up to this many.
const MOST_LINES: i64 = 10_000;

/// How a call ended at the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallOutcome {
    /// A permission covers it.
    Allowed,
    /// None does.
    Denied,
    /// Only a permission on trial covers it.
    OnTrial,
}

impl CallOutcome {
    const ALL: [Self; 3] = [Self::Allowed, Self::Denied, Self::OnTrial];

    /// The name in the database and in the HTTP API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::OnTrial => "on-trial",
        }
    }
}

impl fmt::Display for CallOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no outcome.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no outcome of a call")]
pub struct UnknownOutcome(String);

impl FromStr for CallOutcome {
    type Err = UnknownOutcome;

    fn from_str(text: &str) -> Result<Self, UnknownOutcome> {
        let found = Self::ALL.into_iter().find(|outcome| outcome.as_str() == text);
        found.ok_or_else(|| UnknownOutcome(text.to_owned()))
    }
}

/// A call to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// In which job, if in one.
    pub job: Option<JobId>,
    /// The brick.
    pub brick: String,
    /// Its binary.
    pub digest: Digest,
    /// The interface.
    pub import: String,
    /// What of it.
    pub scope: String,
    /// How it ended.
    pub outcome: CallOutcome,
    /// What the call did.
    pub note: String,
}

/// A line of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub call: NewCall,
}

/// How often a brick was not allowed what it asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Denials {
    /// Calls that were refused.
    pub denied: u64,
    /// Calls that would be refused without permissions on trial.
    pub would_deny: u64,
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Call> {
    Ok(Call {
        id: row.get(0)?,
        at: row.get::<_, Moment>(1)?.0,
        call: NewCall {
            job: row.get(2)?,
            brick: row.get(3)?,
            digest: row.get::<_, Name>(4)?.0,
            import: row.get(5)?,
            scope: row.get(6)?,
            outcome: row.get(7)?,
            note: row.get(8)?,
        },
    })
}

/// Appends a line and lets the oldest go.
pub(super) fn append(change: &Change<'_>, call: &NewCall) -> Result<i64, ChangeError> {
    let transaction = &change.transaction;
    transaction
        .prepare_cached(
            "INSERT INTO audit (at, job, brick, digest, import, scope, outcome, note)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            Moment::now(),
            call.job,
            call.brick,
            Name(call.digest),
            call.import,
            call.scope,
            call.outcome,
            call.note
        ])?;
    let id = transaction.last_insert_rowid();
    // Numbers are never used twice, so what is this far behind is what is too much.
    transaction.prepare_cached("DELETE FROM audit WHERE id <= ?1")?.execute([id - MOST_LINES])?;
    Ok(id)
}

impl Store {
    /// Notes a call: counts it where it was denied or on trial, also at the permissions `on_trial` that alone covered
    /// it, and appends a line if `listed`. Gives the line's number.
    ///
    /// # Errors
    /// When the database fails.
    pub fn note_call(
        &self,
        call: &NewCall,
        on_trial: &[i64],
        listed: bool,
    ) -> Result<Option<i64>, StoreError> {
        self.change(|change| {
            let transaction = &change.transaction;
            let (denied, would_deny) = match call.outcome {
                CallOutcome::Allowed => (0, 0),
                CallOutcome::Denied => (1, 0),
                CallOutcome::OnTrial => (0, 1),
            };
            if denied + would_deny > 0 {
                transaction
                    .prepare_cached(
                        "INSERT INTO denials (brick, denied, would_deny) VALUES (?1, ?2, ?3)
                         ON CONFLICT (brick) DO UPDATE
                         SET denied = denied + excluded.denied, would_deny = would_deny + excluded.would_deny",
                    )?
                    .execute(params![call.brick, denied, would_deny])?;
            }
            for grant in on_trial {
                transaction
                    .prepare_cached("UPDATE grants SET would_deny = would_deny + 1 WHERE id = ?1")?
                    .execute([grant])?;
            }
            listed.then(|| append(change, call)).transpose()
        })
    }

    /// Says of a noted call how it went on. A line that was let go meanwhile stays gone.
    ///
    /// # Errors
    /// When the database fails.
    pub fn add_to_call(&self, id: i64, note: &str) -> Result<(), StoreError> {
        self.change(|change| {
            change
                .transaction
                .prepare_cached("UPDATE audit SET note = note || ?2 WHERE id = ?1")?
                .execute(params![id, note])?;
            Ok(())
        })
    }

    /// The newest lines, of one brick or of all, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn calls(&self, brick: Option<&str>, limit: u32) -> Result<Vec<Call>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, at, job, brick, digest, import, scope, outcome, note FROM audit
                     WHERE ?1 IS NULL OR brick = ?1 ORDER BY id DESC LIMIT ?2",
                )?
                .query_map(params![brick, limit], from_row)?
                .collect()
        })
    }

    /// How often each brick was denied something, since the beginning. Bricks that never were are missing.
    ///
    /// # Errors
    /// When the database fails.
    pub fn denials(&self) -> Result<BTreeMap<String, Denials>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT brick, denied, would_deny FROM denials")?
                .query_map([], |row| {
                    let count = |column| row.get(column).map(|count: i64| count.unsigned_abs());
                    Ok((row.get(0)?, Denials { denied: count(1)?, would_deny: count(2)? }))
                })?
                .collect()
        })
    }
}
