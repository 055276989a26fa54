//! The tables, and the steps from one version of them to the next.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Step `n` leads from version `n` to `n + 1`. A step that was released is never edited; a change is a new step.
const STEPS: &[&str] = &[
    r"
CREATE TABLE jobs (
    number           INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT    NOT NULL UNIQUE,
    name             TEXT    NOT NULL,
    document         TEXT    NOT NULL,
    request_digest   TEXT    NOT NULL,
    targets          TEXT    NOT NULL,
    state            TEXT    NOT NULL
        CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'interrupted')),
    lane             TEXT    NOT NULL CHECK (lane IN ('accelerator', 'cpu')),
    attempt          INTEGER NOT NULL,
    position         INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    created_at       INTEGER NOT NULL,
    started_at       INTEGER,
    finished_at      INTEGER,
    error            TEXT,
    bricks           TEXT    NOT NULL,
    last_seq         INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX jobs_queue ON jobs (lane, position) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (state) WHERE state = 'running';

CREATE TABLE events (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    job  TEXT    NOT NULL,
    kind TEXT    NOT NULL,
    at   INTEGER NOT NULL,
    data TEXT    NOT NULL
) STRICT;
CREATE INDEX events_job ON events (job);

CREATE TABLE runs (
    key        TEXT    PRIMARY KEY,
    outputs    TEXT    NOT NULL,
    content    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE results (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    job        TEXT    NOT NULL,
    brick      TEXT    NOT NULL,
    title      TEXT    NOT NULL,
    image      TEXT    NOT NULL,
    file       TEXT    NOT NULL,
    container  TEXT    NOT NULL CHECK (container IN ('png', 'jpeg', 'webp')),
    width      INTEGER NOT NULL,
    height     INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    info       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX results_job ON results (job);

CREATE TABLE uploads (
    digest     TEXT    PRIMARY KEY,
    width      INTEGER NOT NULL,
    height     INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    brick      TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    import     TEXT    NOT NULL,
    scope      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (brick, digest, import, scope)
) STRICT;

CREATE TABLE file_digests (
    path        TEXT    PRIMARY KEY,
    bytes       INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    digest      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
",
    r"
ALTER TABLE grants ADD COLUMN trial      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN would_deny INTEGER NOT NULL DEFAULT 0;

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    job     TEXT,
    brick   TEXT    NOT NULL,
    digest  TEXT    NOT NULL,
    import  TEXT    NOT NULL,
    scope   TEXT    NOT NULL,
    outcome TEXT    NOT NULL CHECK (outcome IN ('allowed', 'denied', 'on-trial')),
    note    TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_brick ON audit (brick);

CREATE TABLE denials (
    brick      TEXT    PRIMARY KEY,
    denied     INTEGER NOT NULL,
    would_deny INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE publishers (
    name       TEXT    PRIMARY KEY,
    key        TEXT    NOT NULL,
    first_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE switches (
    name  TEXT    PRIMARY KEY,
    is_on INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
",
    r"
CREATE TABLE brick_states (
    brick    TEXT    PRIMARY KEY,
    version  TEXT    NOT NULL,
    blob     BLOB    NOT NULL,
    saved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
",
    "ALTER TABLE runs ADD COLUMN notes TEXT NOT NULL DEFAULT '[]';",
];

/// Opens the database at `path`, making or upgrading it as needed.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::database(path, source);
    let mut connection = Connection::open(path).map_err(failed)?;
    // WAL with NORMAL survives a killed process whole; a power cut can cost the last moments, never the file.
    connection
        .execute_batch(
            "PRAGMA busy_timeout = 5000;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = NORMAL;
             PRAGMA foreign_keys = ON;
             PRAGMA trusted_schema = OFF;",
        )
        .map_err(failed)?;
    upgrade(&mut connection, path)?;
    Ok(connection)
}

fn upgrade(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::database(path, source);
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let found = version_of(connection).map_err(failed)?;
    if found > known {
        return Err(StoreError::NewerDatabase { path: path.to_path_buf(), found, known });
    }
    for (version, step) in (1_i64..).zip(STEPS).skip_while(|(version, _)| *version <= found) {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        // Another process may have gone this step while this one waited for its turn.
        if version_of(&transaction).map_err(failed)? < version {
            transaction.execute_batch(step).map_err(failed)?;
            transaction.pragma_update(None, "user_version", version).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
    }
    Ok(())
}

/// How many steps the database has gone.
fn version_of(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}
