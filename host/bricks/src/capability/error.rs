//! Why the studio did not do what a brick asked.

use wasmtime::component::{ComponentType, Lower};

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, ComponentType, Lower)]
#[component(variant)]
pub enum HttpError {
    /// What is not allowed and how to allow it.
    #[error("{0}")]
    #[component(name = "denied")]
    Denied(String),
    /// Which part of the request is wrong and what it may be.
    #[error("{0}")]
    #[component(name = "bad-argument")]
    BadArgument(String),
    /// What could not be reached and why.
    #[error("{0}")]
    #[component(name = "unreachable")]
    Unreachable(String),
    /// There was no whole response in time.
    #[error("the server did not answer in time")]
    #[component(name = "timed-out")]
    TimedOut,
    /// The response has more than this many bytes.
    #[error("the response has more than {0} bytes")]
    #[component(name = "too-large")]
    TooLarge(u64),
    /// Anything else.
    #[error("{0}")]
    #[component(name = "other")]
    Other(String),
}

/// Why work that the host did for a brick failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, ComponentType, Lower)]
#[component(variant)]
pub enum JobError {
    /// The person stopped the job.
    #[error("the job was cancelled")]
    #[component(name = "cancelled")]
    Cancelled,
    /// The job's time is up.
    #[error("the time for this job is up")]
    #[component(name = "timed-out")]
    TimedOut,
    /// What is not allowed and how to allow it.
    #[error("{0}")]
    #[component(name = "denied")]
    Denied(String),
    /// Which argument is wrong and what it may be.
    #[error("{0}")]
    #[component(name = "bad-argument")]
    BadArgument(String),
    /// Name of the model that is not installed.
    #[error("the model `{0}` is not installed")]
    #[component(name = "model-missing")]
    ModelMissing(String),
    /// Which file of which model can't be read, and why.
    #[error("{0}")]
    #[component(name = "model-broken")]
    ModelBroken(String),
    /// What was needed and what there is, with sizes.
    #[error("{0}")]
    #[component(name = "out-of-memory")]
    OutOfMemory(String),
    /// Anything else.
    #[error("{0}")]
    #[component(name = "other")]
    Other(String),
}

/// Why the store refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, ComponentType, Lower)]
#[component(variant)]
pub enum StoreError {
    /// What is not allowed and how to allow it.
    #[error("{0}")]
    #[component(name = "denied")]
    Denied(String),
    /// What was not found.
    #[error("{0}")]
    #[component(name = "not-found")]
    NotFound(String),
    /// Which argument is wrong and what it may be.
    #[error("{0}")]
    #[component(name = "bad-argument")]
    BadArgument(String),
    /// What is full.
    #[error("{0}")]
    #[component(name = "no-space")]
    NoSpace(String),
    /// Anything else.
    #[error("{0}")]
    #[component(name = "other")]
    Other(String),
}
