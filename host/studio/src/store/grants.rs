//! What the user allowed bricks to do: folders they may write to, hosts they may reach, secrets they may use.

use jiff::Timestamp;
use qpyt_bricks::{Digest, Interface};
use rusqlite::{Row, params};

use super::audit::{self, CallOutcome, NewCall};
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
    /// What of it: an absolute folder, a host with its port, the name of a secret.
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
    /// On trial: what only it covers is still allowed, and counted.
    pub trial: bool,
    /// How often that was, since the trial began.
    pub would_deny: u64,
}

const COLUMNS: &str = "id, created_at, brick, digest, import, scope, trial, would_deny";

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
        trial: row.get(6)?,
        would_deny: row.get(7).map(|count: i64| count.unsigned_abs())?,
    })
}

impl Store {
    /// Keeps a permission. Giving the same one again changes nothing, but for ending its trial.
    ///
    /// # Errors
    /// When the database fails.
    pub fn add_grant(&self, new: &NewGrant) -> Result<Grant, StoreError> {
        self.change(|change| {
            let key = params![new.brick, Name(new.digest), new.import, new.scope, Moment::now()];
            change.transaction.execute(
                "INSERT INTO grants (brick, digest, import, scope, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (brick, digest, import, scope) DO UPDATE SET trial = 0",
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

    /// What this component may do with the interface.
    ///
    /// # Errors
    /// When the database fails.
    pub fn grants_of(&self, brick: &str, digest: Digest, import: &str) -> Result<Vec<Grant>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM grants WHERE brick = ?1 AND digest = ?2 AND import = ?3 ORDER BY id"
                ))?
                .query_map(params![brick, Name(digest), import], from_row)?
                .collect()
        })
    }

    /// Puts a permission on trial, with the count at 0, or ends its trial.
    ///
    /// # Errors
    /// [`StoreError::NoGrant`].
    pub fn set_trial(&self, id: i64, trial: bool) -> Result<Grant, StoreError> {
        self.change(|change| {
            let transaction = &change.transaction;
            let changed = transaction.execute(
                "UPDATE grants SET trial = ?2, would_deny = CASE WHEN ?2 AND NOT trial THEN 0 ELSE would_deny END
                 WHERE id = ?1",
                params![id, trial],
            )?;
            if changed == 0 {
                return Err(StoreError::NoGrant(id).into());
            }
            let one = format!("SELECT {COLUMNS} FROM grants WHERE id = ?1");
            Ok(transaction.query_row(&one, [id], from_row)?)
        })
    }

    /// Gives the component `to` what the component `from` of the same brick was allowed of these interfaces, trials
    /// included, with a line in the audit for each. Gives how many there were. Whether the two belong together is for
    /// the caller to know.
    ///
    /// # Errors
    /// When the database fails.
    pub fn carry_grants(
        &self,
        brick: &str,
        from: Digest,
        to: Digest,
        imports: &[Interface],
    ) -> Result<u64, StoreError> {
        self.change(|change| {
            let old: Vec<Grant> = change
                .transaction
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM grants WHERE brick = ?1 AND digest = ?2 ORDER BY id"
                ))?
                .query_map(params![brick, Name(from)], from_row)?
                .collect::<rusqlite::Result<_>>()?;
            let mut carried = 0;
            for Grant { allows, trial, .. } in old {
                if !imports.iter().any(|import| import.name() == allows.import) {
                    continue;
                }
                let added = change
                    .transaction
                    .prepare_cached(
                        "INSERT INTO grants (brick, digest, import, scope, created_at, trial)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                         ON CONFLICT (brick, digest, import, scope) DO NOTHING",
                    )?
                    .execute(params![brick, Name(to), allows.import, allows.scope, Moment::now(), trial])?;
                if added == 0 {
                    continue;
                }
                carried += 1;
                let outcome = if trial { CallOutcome::OnTrial } else { CallOutcome::Allowed };
                let note = format!("carried over from {from}");
                let NewGrant { brick, import, scope, .. } = allows;
                audit::append(
                    change,
                    &NewCall { job: None, brick, digest: to, import, scope, outcome, note },
                )?;
            }
            Ok(carried)
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
