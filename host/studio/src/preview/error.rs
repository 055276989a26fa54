//! Why there is no preview.

use qpyt_bricks::RunError;
use qpyt_bricks::media::MediaError;
use qpyt_workflow::Problem;

use crate::store::StoreError;

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The brick does not ask for previews, or asks for powers, which previews don't have.
    #[error("the brick {brick} offers no preview; it shows what it makes when the workflow runs")]
    NotOffered {
        /// Its id.
        brick: String,
    },
    /// The job did not make what the brick takes.
    #[error("what this brick works on was not made yet; run the workflow once, then it can be previewed")]
    Unfed,
    /// What comes before the brick was changed since the job.
    #[error("what comes before this brick has changed; run the workflow again, then it can be previewed")]
    Stale,
    /// A newer preview took its place.
    #[error("a newer preview took the place of this one")]
    Superseded,
    /// The brick made no picture.
    #[error("the brick made no picture to show")]
    NoPicture,
    /// The document has problems up to the brick.
    #[error("the workflow has {} problems", .0.len())]
    Problems(Vec<Problem>),
    /// The brick failed, or took too long.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A picture can't be resized or written.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fault of the studio.
    #[error("the preview could not be made: {0}")]
    Fault(String),
}

impl From<Vec<Problem>> for PreviewError {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Problems(problems)
    }
}
