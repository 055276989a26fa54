//! Which key a publisher's packages are signed with: the one that was seen first.

use rusqlite::{Connection, OptionalExtension, params};

use super::columns::Moment;
use super::{Store, StoreError};

/// What is known of a publisher's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remembered {
    /// The name was not known; its key is, from now on.
    New,
    /// It is the key that is known.
    Known,
    /// The name is known with another key, which stays.
    OtherKey(String),
}

impl Store {
    /// The key under which a publisher was first seen.
    ///
    /// # Errors
    /// When the database fails.
    pub fn publisher_key(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read(|connection| known_key(connection, name))
    }

    /// Remembers the key of a publisher where the name is new, and else compares it with the known one.
    ///
    /// # Errors
    /// When the database fails.
    pub fn remember_publisher(&self, name: &str, key: &str) -> Result<Remembered, StoreError> {
        self.change(|change| {
            let transaction = &change.transaction;
            match known_key(transaction, name)? {
                Some(known) if known == key => Ok(Remembered::Known),
                Some(known) => Ok(Remembered::OtherKey(known)),
                None => {
                    transaction
                        .prepare_cached("INSERT INTO publishers (name, key, first_seen) VALUES (?1, ?2, ?3)")?
                        .execute(params![name, key, Moment::now()])?;
                    Ok(Remembered::New)
                }
            }
        })
    }
}

fn known_key(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT key FROM publishers WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}
