//! Why a model could not be fetched, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use qpyt_bricks::capability::HttpError;

use crate::catalogue::{Sha256, UnknownModel};

/// Why a pull failed or was not begun.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PullError {
    /// The catalogue has no such model.
    #[error(transparent)]
    Unknown(#[from] UnknownModel),
    /// It comes with the studio.
    #[error("{0} comes with the studio; there is nothing to fetch.")]
    Ships(String),
    /// It is there.
    #[error("{name} is installed already, at {}.", path.display())]
    Installed {
        /// The model.
        name: String,
        /// Its folder.
        path: PathBuf,
    },
    /// Its folder is taken by something that was not fetched from here.
    #[error("{} is there already and was not fetched by the studio. Move it away and try again.", .0.display())]
    Occupied(PathBuf),
    /// It is not there, or not by the studio's doing.
    #[error(
        "{0} was not fetched by the studio, so it does not remove it. Delete its folder yourself if it is yours."
    )]
    NotOurs(String),
    /// It is being fetched.
    #[error("{0} is being fetched. Cancel that first.")]
    Busy(String),
    /// Another process fetches it.
    #[error("{0} is being fetched by another qpyt, such as `qpyt models pull`. Stop it there.")]
    Elsewhere(String),
    /// The network refused or broke.
    #[error("{0}")]
    Network(HttpError),
    /// The licence has to be accepted first, or no token says who asks.
    #[error(
        "{repo} is open only to those who accepted its licence. Sign in at {page}, accept it there, make a token at {tokens} and store it as the secret `huggingface`: on the Bricks page under Secrets, or with `qpyt secrets set huggingface`. The variable HF_TOKEN works too."
    )]
    Gated {
        /// The repository.
        repo: String,
        /// Its page.
        page: String,
        /// Where tokens are made.
        tokens: String,
    },
    /// The token does not open this.
    #[error(
        "The Hub does not open {repo} to your token. Accept the licence at {page} with the account that the token belongs to, and let the token read gated repositories ({tokens})."
    )]
    NoAccess {
        /// The repository.
        repo: String,
        /// Its page.
        page: String,
        /// Where tokens are made.
        tokens: String,
    },
    /// There is no such thing.
    #[error("The server has no {0} any more. An update of qpyt may know where it went.")]
    Gone(String),
    /// A status that is no answer.
    #[error("The server answered {status} for {what}. Try again later.")]
    Status {
        /// The HTTP status.
        status: u16,
        /// What was asked for.
        what: String,
        /// How long the server asks to be left alone.
        wait: Option<Duration>,
    },
    /// The Hub's answer can't be used.
    #[error("The list of files of {repo} can't be used: {reason}.")]
    BadListing {
        /// The repository.
        repo: String,
        /// Why.
        reason: String,
    },
    /// A file is not what was promised.
    #[error(
        "{file} is not the file that was promised (SHA-256 {found} instead of {expected}). It was thrown away. Try again; if it stays so, somebody changed it on the way or at its source."
    )]
    WrongDigest {
        /// The file.
        file: String,
        /// What was promised.
        expected: Sha256,
        /// What came.
        found: Sha256,
    },
    /// A file is longer or shorter than was promised.
    #[error("{file} has {found} bytes instead of {expected}. It was thrown away; try again.")]
    WrongSize {
        /// The file.
        file: String,
        /// What was promised, in bytes.
        expected: u64,
        /// What would come, in bytes.
        found: u64,
    },
    /// The disk is too full.
    #[error("{} has room for {} more, and {} are needed. Free some space and try again.", folder.display(), amount(*free), amount(*needed))]
    NoSpace {
        /// The folder that is written to.
        folder: PathBuf,
        /// Bytes to fetch.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The disk became full.
    #[error("No space is left on the disk that holds {}. Free some and go on; what is here is kept.", .0.display())]
    DiskFull(PathBuf),
    /// The operating system refused.
    #[error("Could not {action} {}: {problem}", path.display())]
    Disk {
        /// What was attempted, as a verb.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// The studio's own data failed.
    #[error("{0}")]
    Store(String),
    /// It was stopped by the person.
    #[error("stopped")]
    Cancelled,
}

impl PullError {
    /// A stable name of the kind of error, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) | Self::Gone(_) => "not-found",
            Self::Ships(_) | Self::Installed { .. } => "installed",
            Self::Occupied(_) | Self::NotOurs(_) => "not-ours",
            Self::Busy(_) | Self::Elsewhere(_) => "busy",
            Self::Network(HttpError::Denied(_)) => "offline",
            Self::Network(_) | Self::Status { .. } | Self::BadListing { .. } => "unreachable",
            Self::Gated { .. } | Self::NoAccess { .. } => "gated",
            Self::WrongDigest { .. } | Self::WrongSize { .. } => "wrong-file",
            Self::NoSpace { .. } | Self::DiskFull(_) => "no-space",
            Self::Disk { .. } | Self::Store(_) => "disk",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the same may go well a moment later.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Network(HttpError::Unreachable(_) | HttpError::TimedOut) => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }

    /// How long to wait before that.
    pub(super) fn wait(&self) -> Option<Duration> {
        if let Self::Status { wait, .. } = self { *wait } else { None }
    }

    /// Tells a full disk apart from other refusals of the operating system.
    pub(super) fn disk(action: &'static str, path: &Path, source: &io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(path.to_path_buf()),
            _ => Self::Disk { action, path: path.to_path_buf(), problem: source.to_string() },
        }
    }
}

impl From<HttpError> for PullError {
    fn from(error: HttpError) -> Self {
        Self::Network(error)
    }
}

/// Bytes as a person reads them, in powers of 1024.
#[must_use]
pub fn amount(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = bytes as f64;
    let mut shown = "bytes";
    for unit in units {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        shown = unit;
    }
    if shown == "bytes" { format!("{bytes} bytes") } else { format!("{value:.1} {shown}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_in_the_unit_that_fits() {
        assert_eq!(amount(1023), "1023 bytes");
        assert_eq!(amount(1536), "1.5 KiB");
        assert_eq!(amount(5 << 30), "5.0 GiB");
        assert_eq!(amount(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let status = |status| PullError::Status { status, what: String::new(), wait: None };
        assert!(status(503).passes() && status(429).passes());
        assert!(!status(418).passes() && !PullError::Cancelled.passes());
        assert!(PullError::Network(HttpError::TimedOut).passes());
        assert!(!PullError::Network(HttpError::Denied(String::new())).passes());
    }
}
