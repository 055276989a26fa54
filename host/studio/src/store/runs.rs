//! Results of brick runs by cache key, so that only what changed runs again, also after a restart.

use qpyt_bricks::Digest;
use rusqlite::{OptionalExtension, params};
use serde_json::{Value, json};

use super::columns::{Json, Moment, Name};
use super::{Content, Store, StoreError};

/// What a run gave.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedRun {
    /// The output values, as the executor writes them.
    pub outputs: Value,
    /// The stored content that they refer to.
    pub content: Vec<Content>,
    /// What the person should know of them.
    pub notes: Vec<String>,
}

impl Store {
    /// What the run with this key gave, if it is known and all its content is there and sound. Otherwise it is
    /// forgotten, and the next run writes the damaged file anew.
    ///
    /// # Errors
    /// When the database fails.
    pub fn lookup_run(&self, key: Digest) -> Result<Option<CachedRun>, StoreError> {
        let found = self.read(|connection| {
            connection
                .prepare_cached("SELECT outputs, content, notes FROM runs WHERE key = ?1")?
                .query_row([Name(key)], |row| {
                    Ok((row.get::<_, Json>(0)?.0, row.get::<_, Json>(1)?.0, row.get::<_, Json>(2)?.0))
                })
                .optional()
        })?;
        let Some((outputs, content, notes)) = found else { return Ok(None) };
        let Ok(content) = serde_json::from_value::<Vec<Content>>(content) else {
            self.forget_run(key)?;
            return Ok(None);
        };
        for item in &content {
            if let Err(error) = self.content.verify(*item) {
                tracing::warn!(%key, %error, "a cached result is not usable and will be made again");
                self.forget_run(key)?;
                return Ok(None);
            }
        }
        let noted = self.change(|change| {
            change
                .transaction
                .prepare_cached("UPDATE runs SET used_at = ?2 WHERE key = ?1")?
                .execute(params![Name(key), Moment::now()])?;
            Ok(())
        });
        if let Err(error) = noted {
            // On a full disk, what is known is still worth having.
            tracing::warn!(%key, %error, "the use of a cached result was not noted");
        }
        let notes = serde_json::from_value(notes).unwrap_or_default();
        Ok(Some(CachedRun { outputs, content, notes }))
    }

    /// Keeps what a run gave. Its content must be in the content store already.
    ///
    /// # Errors
    /// When the database fails.
    pub fn remember_run(&self, key: Digest, run: &CachedRun) -> Result<(), StoreError> {
        let content = serde_json::to_value(&run.content)
            .map_err(|error| StoreError::Unstorable { kind: "run", reason: error.to_string() })?;
        self.change(|change| {
            change
                .transaction
                .prepare_cached(
                    "INSERT INTO runs (key, outputs, content, notes, created_at, used_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?5)
                     ON CONFLICT (key) DO UPDATE
                     SET outputs = excluded.outputs, content = excluded.content, notes = excluded.notes,
                         used_at = excluded.used_at",
                )?
                .execute(params![
                    Name(key),
                    Json(run.outputs.clone()),
                    Json(content),
                    Json(json!(run.notes)),
                    Moment::now()
                ])?;
            Ok(())
        })
    }

    fn forget_run(&self, key: Digest) -> Result<(), StoreError> {
        self.change(|change| {
            change.transaction.execute("DELETE FROM runs WHERE key = ?1", [Name(key)])?;
            Ok(())
        })
    }
}
