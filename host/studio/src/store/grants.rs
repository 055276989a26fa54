//! What the user allowed bricks to do: folders they may write to.

use jiff::Timestamp;
use qpyt_bricks::Digest;
use rusqlite::{Row, params};

use super::columns::{Moment, Name};
use super::{Store, StoreError};

/// A permission to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// The brick's id, such as `qpyt:save-to-disk`.
    pub brick: String,
    /// The digest of the component that was there when the user said yes.
    pub digest: Digest,
    /// The interface, such as `qpyt:store/files`.
    pub import: String,
    /// What of it; for files, an absolute folder.
    pub scope: String,
}

/// A permission that the user gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its number.
    pub id: i64,
    /// When it was given.
    pub created_at: Timestamp,
    /// What it allows.
    pub allows: NewGrant,
}

const COLUMNS: &str = "id, created_at, brick, digest, import, scope";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Grant> {
    Ok(Grant {
        id: row.get(0)?,
        created_at: row.get::<_, Moment>(1)?.0,
        allows: NewGrant {
            brick: row.get(2)?,
            digest: row.get::<_, Name>(3)?.0,
            import: row.get(4)?,
            scope: row.get(5)?,
        },
    })
}

impl Store {
    /// Keeps a permission. Giving the same one again changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub fn add_grant(&self, new: &NewGrant) -> Result<Grant, StoreError> {
        self.change(|change| {
            let key = params![new.brick, Name(new.digest), new.import, new.scope, Moment::now()];
            change.transaction.execute(
                "INSERT INTO grants (brick, digest, import, scope, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (brick, digest, import, scope) DO NOTHING",
                key,
            )?;
            Ok(change.transaction.query_row(
                &format!(
                    "SELECT {COLUMNS} FROM grants WHERE brick = ?1 AND digest = ?2 AND import = ?3 AND scope = ?4"
                ),
                params![new.brick, Name(new.digest), new.import, new.scope],
                from_row,
            )?)
        })
    }

    /// All permissions, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn grants(&self) -> Result<Vec<Grant>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM grants ORDER BY id"))?
                .query_map([], from_row)?
                .collect()
        })
    }

    /// The scopes in which this component may use the interface.
    ///
    /// # Errors
    /// When the database fails.
    pub fn granted_scopes(
        &self,
        brick: &str,
        digest: Digest,
        import: &str,
    ) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT scope FROM grants WHERE brick = ?1 AND digest = ?2 AND import = ?3 ORDER BY id",
                )?
                .query_map(params![brick, Name(digest), import], |row| row.get(0))?
                .collect()
        })
    }

    /// Takes a permission back.
    ///
    /// # Errors
    /// [`StoreError::NoGrant`].
    pub fn delete_grant(&self, id: i64) -> Result<(), StoreError> {
        self.change(|change| match change.transaction.execute("DELETE FROM grants WHERE id = ?1", [id])? {
            0 => Err(StoreError::NoGrant(id).into()),
            _ => Ok(()),
        })
    }
}
