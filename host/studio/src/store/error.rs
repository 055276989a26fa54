//! Everything that can go wrong in the store, said so that a person knows what to do.

use std::io;
use std::path::{Path, PathBuf};

use qpyt_bricks::Digest;

use super::JobId;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the data folder.
    #[error(
        "The data folder {} is in use by another qpyt{}. Stop that one, or give this one its own folder with --data.",
        data.display(),
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The folder.
        data: PathBuf,
        /// The other process, if it left its number.
        pid: Option<u32>,
    },
    /// The database was written by a newer program.
    #[error(
        "The database {} is of version {found}; this qpyt knows versions up to {known}. Update qpyt, or use another folder with --data.",
        path.display()
    )]
    NewerDatabase {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version this program can read.
        known: i64,
    },
    /// SQLite refused.
    #[error("The database {} failed: {source}", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The disk, or the user's share of it, is full.
    #[error("No space is left on the disk that holds {}. Free some space and try again.", folder.display())]
    NoSpace {
        /// The folder that could not be written.
        folder: PathBuf,
    },
    /// The operating system refused.
    #[error("Could not {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A stored file is not what its name promises.
    #[error("The file {} is damaged ({reason}). Delete it; what needs it will be made again.", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing is stored under this digest.
    #[error("There is no content {0} in the store.")]
    NoContent(Digest),
    /// No such job.
    #[error("There is no job {0}.")]
    NoJob(JobId),
    /// No such result in the gallery.
    #[error("There is no result {0} in the gallery.")]
    NoResult(i64),
    /// No such grant.
    #[error("There is no grant {0}.")]
    NoGrant(i64),
    /// No such secret.
    #[error("There is no secret \"{0}\". Store it with: qpyt secrets set {0}")]
    NoSecret(String),
    /// A secret cannot have this name or value.
    #[error("The secret can't be kept. {0}")]
    BadSecret(String),
    /// No such workflow.
    #[error("There is no saved workflow named \"{0}\".")]
    NoWorkflow(String),
    /// The client's job id was used before for something else.
    #[error("Job {0} exists already with another document. Use a new id for a new job.")]
    JobConflict(JobId),
    /// The queue holds as many jobs as it may.
    #[error("The queue is full ({limit} jobs). Wait for one to finish, or raise jobs.max_queue.")]
    QueueFull {
        /// The limit.
        limit: u32,
    },
    /// Only finished jobs can be deleted.
    #[error("Job {0} is not finished. Cancel it first.")]
    JobNotFinished(JobId),
    /// A workflow of that name exists and must not be replaced.
    #[error("A workflow named \"{0}\" exists already.")]
    WorkflowExists(String),
    /// A document is over the size limit.
    #[error("The document has {bytes} bytes; at most {limit} are allowed.")]
    DocumentTooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A value cannot be kept.
    #[error("Could not keep the {kind}: {reason}")]
    Unstorable {
        /// What kind of value.
        kind: &'static str,
        /// Why not.
        reason: String,
    },
}

impl StoreError {
    /// A stable name of the kind of error, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "locked",
            Self::NewerDatabase { .. } => "newer-database",
            Self::Database { .. } => "database",
            Self::NoSpace { .. } => "no-space",
            Self::Io { .. } => "disk",
            Self::Corrupt { .. } => "corrupt",
            Self::NoContent(_)
            | Self::NoJob(_)
            | Self::NoResult(_)
            | Self::NoGrant(_)
            | Self::NoSecret(_)
            | Self::NoWorkflow(_) => "not-found",
            Self::BadSecret(_) => "bad-secret",
            Self::JobConflict(_) => "job-conflict",
            Self::QueueFull { .. } => "queue-full",
            Self::JobNotFinished(_) => "not-finished",
            Self::WorkflowExists(_) => "workflow-exists",
            Self::DocumentTooLarge { .. } => "too-large",
            Self::Unstorable { .. } => "unstorable",
        }
    }

    /// Tells a full disk apart from other refusals of the operating system.
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                let folder = path.parent().unwrap_or(path).to_path_buf();
                Self::NoSpace { folder }
            }
            _ => Self::Io { action, path: path.to_path_buf(), source },
        }
    }

    /// Tells a full disk apart from other refusals of SQLite, which finds no room for its index of the log first.
    pub(super) fn database(path: &Path, source: rusqlite::Error) -> Self {
        let full = source.sqlite_error().is_some_and(|error| {
            error.code == rusqlite::ErrorCode::DiskFull
                || error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
        });
        if full {
            return Self::NoSpace { folder: path.parent().unwrap_or(path).to_path_buf() };
        }
        Self::Database { path: path.to_path_buf(), source }
    }
}
