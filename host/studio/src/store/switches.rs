//! What the person switched on or off and expects to find so after a restart.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};

/// No brick reaches the network while this is on.
const OFFLINE: &str = "offline";

impl Store {
    /// Whether the person switched the network off.
    ///
    /// # Errors
    /// When the database fails.
    pub fn offline(&self) -> Result<bool, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT is_on FROM switches WHERE name = ?1")?;
            Ok(statement.query_row([OFFLINE], |row| row.get(0)).optional()?.unwrap_or(false))
        })
    }

    /// Switches the network off or on.
    ///
    /// # Errors
    /// When the database fails.
    pub fn set_offline(&self, offline: bool) -> Result<(), StoreError> {
        self.change(|change| {
            change
                .transaction
                .prepare_cached(
                    "INSERT INTO switches (name, is_on) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET is_on = excluded.is_on",
                )?
                .execute(params![OFFLINE, offline])?;
            Ok(())
        })
    }
}
