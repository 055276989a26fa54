//! What bricks remember from run to run (`qpyt:brick/state`): one blob for each brick.

use qpyt_bricks::SavedState;
use rusqlite::{OptionalExtension, params};

use super::columns::Moment;
use super::{Store, StoreError};

impl Store {
    /// What the brick remembers.
    ///
    /// # Errors
    /// When the database fails.
    pub fn brick_state(&self, brick: &str) -> Result<Option<SavedState>, StoreError> {
        let row: Option<(String, Vec<u8>)> = self.read(|connection| {
            connection
                .prepare_cached("SELECT version, blob FROM brick_states WHERE brick = ?1")?
                .query_row([brick], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })?;
        Ok(row.and_then(|(version, blob)| {
            Some(SavedState { version: version.parse().ok()?, blob: blob.into() })
        }))
    }

    /// Keeps what the brick remembers, or forgets it. True if there was something before.
    ///
    /// # Errors
    /// When the database fails.
    pub fn keep_brick_state(&self, brick: &str, state: Option<&SavedState>) -> Result<bool, StoreError> {
        self.change(|change| {
            let removed = change.transaction.execute("DELETE FROM brick_states WHERE brick = ?1", [brick])?;
            if let Some(state) = state {
                change.transaction.execute(
                    "INSERT INTO brick_states (brick, version, blob, saved_at) VALUES (?1, ?2, ?3, ?4)",
                    params![brick, state.version.to_string(), state.blob.as_ref(), Moment::now()],
                )?;
            }
            Ok(removed > 0)
        })
    }
}
