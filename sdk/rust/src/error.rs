//! From what the host says to what a brick says, so that `?` works on every host call.

use crate::BrickError;
use crate::bindings::qpyt::brick::types::NamedProblem;
use crate::bindings::qpyt::job::types::JobError;
use crate::bindings::qpyt::media::types::MediaError;
use crate::bindings::qpyt::store::http::HttpError;
use crate::bindings::qpyt::store::types::StoreError;

impl BrickError {
    /// An input that can't be used: its port, what is wrong and what to do.
    pub fn bad_input(port: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::BadInput(NamedProblem { name: port.into(), problem: problem.into() })
    }

    /// A parameter that can't be used: its name, what is wrong and what to do.
    pub fn bad_param(param: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::BadParam(NamedProblem { name: param.into(), problem: problem.into() })
    }

    /// Any other failure: what is wrong and what to do.
    pub fn other(problem: impl Into<String>) -> Self {
        Self::Other(problem.into())
    }
}

impl From<JobError> for BrickError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Cancelled => Self::Cancelled,
            JobError::TimedOut => {
                Self::Host("This took longer than the brick is allowed to take.".to_owned())
            }
            JobError::ModelMissing(model) => {
                Self::Host(format!("The model `{model}` is not installed. Install it or choose another one."))
            }
            JobError::Denied(message)
            | JobError::BadArgument(message)
            | JobError::ModelBroken(message)
            | JobError::OutOfMemory(message)
            | JobError::Other(message) => Self::Host(message),
        }
    }
}

impl From<StoreError> for BrickError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Denied(message)
            | StoreError::NotFound(message)
            | StoreError::BadArgument(message)
            | StoreError::NoSpace(message)
            | StoreError::Other(message) => Self::Host(message),
        }
    }
}

impl From<HttpError> for BrickError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::TimedOut => {
                Self::Host("The server did not answer in time. Try again later.".to_owned())
            }
            HttpError::TooLarge(bytes) => Self::Host(format!(
                "The server's answer has more than {bytes} bytes, the most a brick may get."
            )),
            HttpError::Denied(message)
            | HttpError::BadArgument(message)
            | HttpError::Unreachable(message)
            | HttpError::Other(message) => Self::Host(message),
        }
    }
}

impl From<MediaError> for BrickError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::TooLarge(bytes) => Self::Host(format!(
                "The picture would need {bytes} bytes, more than a brick may use. Make it smaller."
            )),
            MediaError::BadArgument(message)
            | MediaError::Unsupported(message)
            | MediaError::Other(message) => Self::Host(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_host_call_cancels_the_brick() {
        assert!(matches!(BrickError::from(JobError::Cancelled), BrickError::Cancelled));
    }

    #[test]
    fn messages_of_the_host_are_passed_on() {
        let denied = "Allow `me:brick` to write to /pictures.".to_owned();
        for error in [
            BrickError::from(JobError::Denied(denied.clone())),
            BrickError::from(StoreError::Denied(denied.clone())),
            BrickError::from(HttpError::Denied(denied.clone())),
            BrickError::from(MediaError::Other(denied.clone())),
        ] {
            assert!(matches!(error, BrickError::Host(message) if message == denied));
        }
    }

    #[test]
    fn a_missing_model_is_named() {
        let error = BrickError::from(JobError::ModelMissing("sdxl-base".to_owned()));
        assert!(matches!(error, BrickError::Host(message) if message.contains("`sdxl-base`")));
    }

    #[test]
    fn question_marks_turn_host_errors_into_brick_errors() {
        fn brick() -> crate::Result<()> {
            Err(StoreError::NoSpace("The disk is full.".to_owned()))?;
            Ok(())
        }
        assert!(matches!(brick(), Err(BrickError::Host(message)) if message == "The disk is full."));
    }
}
