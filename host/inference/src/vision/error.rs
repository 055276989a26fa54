//! Why a picture could not be looked at.

use super::florence2::Task;
use crate::pixels::PictureError;
use crate::text::beam::SearchError;

/// Why a picture could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VisionError {
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The picture has no pixels, too few bytes, or a shape that the model cannot see.
    #[error("the picture cannot be used: {0}")]
    BadPicture(String),
    /// The model was not taught the task.
    #[error("this model does not know the task {0:?}; a PromptGen fine-tune of Florence-2 does")]
    UnknownTask(Task),
    /// The model gave numbers that mean nothing.
    #[error("the model's numbers are no longer finite; are its weights whole?")]
    NotFinite,
    /// Something that should not happen.
    #[error("internal error: {0}")]
    Internal(String),
}

impl From<PictureError> for VisionError {
    fn from(error: PictureError) -> Self {
        Self::BadPicture(error.to_string())
    }
}

impl From<candle_core::Error> for VisionError {
    fn from(error: candle_core::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<SearchError> for VisionError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Cancelled => Self::Cancelled,
            SearchError::NotANumber => Self::NotFinite,
            SearchError::Mismatch(problem) => Self::Internal(problem),
            SearchError::Tensor(error) => error.into(),
        }
    }
}
