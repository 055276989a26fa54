//! A tape of a run: what went in and what the studio answered. A new version is played the tape of the last good run
//! before it serves, with the same answers and no effects.

use std::time::Duration;

use crate::{
    NamedValue, RunRequest, Value,
    capability::{
        Completion, HttpError, HttpResponse, JobError, Level, ModelInfo, Moment, Saved, SecretHandle,
        StoreError, UsualSampling,
    },
    media::Image,
};

/// A run that holds more bytes than this in pictures and texts is not recorded.
pub(super) const MAX_TAPE_BYTES: usize = 64 << 20;

/// A good run of a brick.
#[derive(Debug, Clone)]
pub(super) struct Tape {
    pub(super) version: semver::Version,
    pub(super) inputs: Vec<NamedValue>,
    pub(super) params: serde_json::Value,
    pub(super) seed: u64,
    pub(super) wall: Duration,
    pub(super) answers: Vec<Answer>,
}

/// What the studio answered, in the order in which it was asked.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Painted(Result<Image, JobError>),
    Said(Result<String, JobError>),
    Completed(Result<Completion, JobError>),
    Model(Option<ModelInfo>),
    Usual(Option<UsualSampling>),
    Models(Vec<ModelInfo>),
    Opened(Result<Image, StoreError>),
    Kept(Result<Saved, StoreError>),
    Written(Result<String, StoreError>),
    Responded(Result<HttpResponse, HttpError>),
    Secret(Result<SecretHandle, StoreError>),
    Moment(Moment),
}

impl Answer {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Painted(Ok(image)) | Self::Opened(Ok(image)) => image.pixels().len(),
            Self::Responded(Ok(response)) => response.body.len(),
            Self::Said(Ok(text)) | Self::Completed(Ok(Completion { text, .. })) => text.len(),
            _ => 0,
        }
    }
}

/// Writes a line to the journal of the brick that is running.
pub(super) type WriteLine = Box<dyn Fn(Level, &str) + Send + Sync>;

/// What of a request goes on a tape.
pub(super) struct Opening {
    pub(super) inputs: Vec<NamedValue>,
    pub(super) params: serde_json::Value,
    pub(super) seed: u64,
}

impl Opening {
    /// None if the request is too large to be recorded.
    pub(super) fn of(request: &RunRequest) -> Option<Self> {
        (size(&request.inputs) <= MAX_TAPE_BYTES).then(|| Self {
            inputs: request.inputs.clone(),
            params: request.params.clone(),
            seed: request.seed,
        })
    }
}

/// Bytes in values, as far as they can be many.
pub(super) fn size(values: &[NamedValue]) -> usize {
    let bytes = |named: &NamedValue| match &named.value {
        Value::Image(image) => image.pixels().len(),
        Value::Tensor(tensor) => tensor.data().len(),
        Value::Text(text) => text.len(),
        Value::Json(_) | Value::Number(_) | Value::Boolean(_) => 64,
    };
    values.iter().map(bytes).fold(0, usize::saturating_add)
}
