//! What can go wrong, with the way out.

use std::{path::PathBuf, time::Duration};

use crate::{
    capability::{HttpError, JobError, StoreError},
    package::PackageError,
};

/// Why the runtime can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The engine refused its configuration.
    #[error("the WebAssembly engine can't start: {0}")]
    Engine(String),
    /// The folder for compiled bricks can't be used.
    #[error("the cache folder {} can't be used: {problem}; make it writable or set another", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// What failed.
        problem: String,
    },
}

/// Why what lies at a place was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file can't be read.
    #[error("{} can't be read: {problem}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What failed.
        problem: String,
    },
    /// The manifest is wrong.
    #[error("{}: {problem}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to write.
        problem: String,
    },
    /// The package section of a single file can't be believed.
    #[error("{} can't be used: {source}", path.display())]
    Package {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PackageError,
    },
    /// The binary is no component that can be compiled.
    #[error("{} can't be compiled: {problem}", path.display())]
    Compile {
        /// The file.
        path: PathBuf,
        /// What the compiler says.
        problem: String,
    },
    /// The binary imports or exports something else than it may or must.
    #[error("{problem}")]
    Contract {
        /// Which import or export, and what to do.
        problem: String,
    },
    /// `describe` failed.
    #[error("its `describe` failed: {problem}; it must be pure and fast, and may only log")]
    Describe {
        /// What happened.
        problem: String,
    },
    /// `describe` gave something that can't be used.
    #[error("its `describe` is wrong: {problem}")]
    Info {
        /// Which brick, what is wrong and what it may be.
        problem: String,
    },
    /// Another place holds the same brick.
    #[error("`{brick}` {version} is already loaded from {}; remove one of the two", other.display())]
    Duplicate {
        /// Id of the brick.
        brick: String,
        /// Its version.
        version: semver::Version,
        /// The place that came first.
        other: PathBuf,
    },
    /// The load was stopped by the shutdown of the program or a fault in the runtime.
    #[error("loading was interrupted: {0}")]
    Interrupted(String),
}

/// Why parameters can't be carried to another version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the parameters of `{brick}` can't be carried over from version {from}: {problem}")]
pub struct MigrateError {
    /// The brick.
    pub brick: String,
    /// The version that they are of.
    pub from: semver::Version,
    /// What the brick says.
    pub problem: String,
}

/// What the host refused during a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Inference.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The stores.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network.
    #[error(transparent)]
    Http(#[from] HttpError),
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// No brick of that id is in the binary.
    #[error("this binary holds no brick `{brick}`")]
    UnknownBrick {
        /// The id asked for.
        brick: String,
    },
    /// An input can't be used.
    #[error("input `{port}`: {problem}")]
    BadInput {
        /// The port.
        port: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A parameter can't be used.
    #[error("parameter `{param}`: {problem}")]
    BadParam {
        /// The parameter.
        param: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The person stopped the job.
    #[error("the run was cancelled")]
    Cancelled,
    /// The host could not do what the brick asked.
    #[error("{message}")]
    Host {
        /// What the brick says about it.
        message: String,
        /// The last thing the host refused in this run, if it did.
        cause: Option<HostError>,
    },
    /// The brick failed in its own words.
    #[error("`{brick}` failed: {message}")]
    Brick {
        /// The brick.
        brick: String,
        /// What it says.
        message: String,
    },
    /// The brick did something that no program may do.
    #[error("`{brick}` crashed: {reason}; its log may say more")]
    Trapped {
        /// The brick.
        brick: String,
        /// What it did.
        reason: String,
    },
    /// The brick wanted more memory than it may use.
    #[error(
        "`{brick}` needs more than its {} of memory; use smaller pictures or raise `memory_mib` under [limits] in qpyt.toml",
        bytes(*limit)
    )]
    OutOfMemory {
        /// The brick.
        brick: String,
        /// In bytes.
        limit: u64,
    },
    /// The brick computed for longer than it may.
    #[error(
        "`{brick}` was stopped after computing for {} s; raise `cpu_seconds` under [limits] in qpyt.toml if it needs longer",
        limit.as_secs_f64()
    )]
    CpuBudget {
        /// The brick.
        brick: String,
        /// `cpu_seconds`.
        limit: Duration,
    },
    /// The run took longer than it may.
    #[error(
        "`{brick}` was not done after {} s; raise `wall_seconds` under [limits] in qpyt.toml if it needs longer",
        limit.as_secs_f64()
    )]
    DeadlineExceeded {
        /// The brick.
        brick: String,
        /// `wall_seconds`.
        limit: Duration,
    },
    /// The brick held more images, tensors and canvases than it may.
    #[error(
        "`{brick}` holds more than {limit} images, tensors, canvases and streams at once; let go of what is done with or raise `handles` under [limits] in qpyt.toml"
    )]
    TooManyHandles {
        /// The brick.
        brick: String,
        /// `handles`.
        limit: u32,
    },
    /// One call carried more than it may.
    #[error(
        "`{brick}` handed over more than {} in one call; it must do so in parts, or raise `hostcall_mib` under [limits] in qpyt.toml",
        bytes(*limit)
    )]
    TooMuchAtOnce {
        /// The brick.
        brick: String,
        /// In bytes.
        limit: u64,
    },
    /// The outputs are larger than they may be.
    #[error(
        "the outputs of `{brick}` are larger than {}; raise `output_mib` under [limits] in qpyt.toml",
        bytes(*limit)
    )]
    TooMuchOutput {
        /// The brick.
        brick: String,
        /// In bytes.
        limit: u64,
    },
    /// The brick gave something else than it described.
    #[error("`{brick}` gave a wrong output at `{port}`: {problem}")]
    BadOutput {
        /// The brick.
        brick: String,
        /// The port.
        port: String,
        /// What is wrong.
        problem: String,
    },
    /// The brick can't take up or save what it remembers.
    #[error(
        "`{brick}` can't go on from what it remembers: {problem}; `qpyt bricks forget {brick}` lets it start anew"
    )]
    State {
        /// The brick.
        brick: String,
        /// What it says.
        problem: String,
    },
    /// The brick crashed too often and is set aside.
    #[error(
        "`{brick}` crashed {crashes} times in a row and is set aside until its file changes; its log says why, and “Try again” on the Bricks page lifts it"
    )]
    Quarantined {
        /// The brick.
        brick: String,
        /// How often.
        crashes: u32,
    },
    /// The sandbox could not be set up.
    #[error("the sandbox for `{brick}` can't be set up: {problem}")]
    Sandbox {
        /// The brick.
        brick: String,
        /// What failed.
        problem: String,
    },
}

impl RunError {
    /// A stable name of the kind of error, kebab-case, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownBrick { .. } => "unknown-brick",
            Self::BadInput { .. } => "bad-input",
            Self::BadParam { .. } => "bad-param",
            Self::Cancelled => "cancelled",
            Self::Host { cause: Some(cause), .. } => cause.code(),
            Self::Host { cause: None, .. } => "host",
            Self::Brick { .. } => "brick-failed",
            Self::Trapped { .. } => "brick-crashed",
            Self::OutOfMemory { .. } => "brick-memory",
            Self::CpuBudget { .. } => "brick-cpu-budget",
            Self::DeadlineExceeded { .. } => "brick-deadline",
            Self::TooManyHandles { .. } => "brick-handles",
            Self::TooMuchAtOnce { .. } => "brick-hostcall",
            Self::TooMuchOutput { .. } => "brick-output",
            Self::BadOutput { .. } => "bad-output",
            Self::State { .. } => "brick-state",
            Self::Quarantined { .. } => "brick-quarantined",
            Self::Sandbox { .. } => "sandbox",
        }
    }
}

impl HostError {
    fn code(&self) -> &'static str {
        match self {
            Self::Job(JobError::Denied(_))
            | Self::Store(StoreError::Denied(_))
            | Self::Http(HttpError::Denied(_)) => "denied",
            Self::Job(JobError::BadArgument(_))
            | Self::Store(StoreError::BadArgument(_))
            | Self::Http(HttpError::BadArgument(_)) => "bad-argument",
            Self::Job(JobError::Cancelled) => "cancelled",
            Self::Job(JobError::TimedOut) | Self::Http(HttpError::TimedOut) => "timed-out",
            Self::Job(JobError::ModelMissing(_)) => "model-missing",
            Self::Job(JobError::ModelBroken(_)) => "model-broken",
            Self::Job(JobError::OutOfMemory(_)) => "out-of-memory",
            Self::Store(StoreError::NoSpace(_)) => "no-space",
            Self::Store(StoreError::NotFound(_)) => "not-found",
            Self::Http(HttpError::Unreachable(_)) => "unreachable",
            Self::Http(HttpError::TooLarge(_)) => "too-large",
            Self::Job(JobError::Other(_))
            | Self::Store(StoreError::Other(_))
            | Self::Http(HttpError::Other(_)) => "host",
        }
    }
}

/// A number of bytes for people: whole MiB or KiB where it is one.
fn bytes(count: u64) -> String {
    match count {
        count if count >= 1 << 20 && count.is_multiple_of(1 << 20) => format!("{} MiB", count >> 20),
        count if count >= 1 << 10 && count.is_multiple_of(1 << 10) => format!("{} KiB", count >> 10),
        count => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_errors_name_the_brick_the_limit_and_where_to_change_it() {
        let brick = || "qpyt:blur".to_owned();
        let cases = [
            (RunError::OutOfMemory { brick: brick(), limit: 256 << 20 }, "256 MiB", "memory_mib"),
            (RunError::CpuBudget { brick: brick(), limit: Duration::from_secs(30) }, "30 s", "cpu_seconds"),
            (
                RunError::DeadlineExceeded { brick: brick(), limit: Duration::from_millis(1500) },
                "1.5 s",
                "wall_seconds",
            ),
            (RunError::TooManyHandles { brick: brick(), limit: 99 }, "99", "handles"),
            (RunError::TooMuchAtOnce { brick: brick(), limit: 128 << 20 }, "128 MiB", "hostcall_mib"),
            (RunError::TooMuchOutput { brick: brick(), limit: 3 }, "3 bytes", "output_mib"),
        ];
        for (error, amount, key) in cases {
            let message = error.to_string();
            for part in ["qpyt:blur", amount, key, "[limits] in qpyt.toml"] {
                assert!(message.contains(part), "{message} does not say {part}");
            }
        }
    }
}
