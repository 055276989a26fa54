//! What all interfaces of `qpyt:ai` share: waiting for inference, and bounds on what it makes.

use tokio_util::sync::CancellationToken;
use wasmtime::component::Resource;

use super::Fail;
use crate::{
    capability::JobError,
    media::{Image, PixelFormat},
    sandbox::State,
};

/// Waits for inference, but not when the run was cancelled: the brick is told at once, so that it has time to clean
/// up.
pub(super) async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    inference: impl Future<Output = Result<T, JobError>>,
) -> Result<T, JobError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(JobError::Cancelled),
        done = inference => done,
    }
}

/// Fails if a picture of that size is more than the brick may have, before any work is done for it.
pub(super) fn check_size(
    state: &mut State,
    format: PixelFormat,
    (width, height): (u32, u32),
) -> Result<(), JobError> {
    let longest = state.limits.max_side;
    if width.max(height) > longest {
        return Err(JobError::BadArgument(format!(
            "{width}×{height} is too large, a side has at most {longest} pixels; `max_side` under [limits] in qpyt.toml sets it"
        )));
    }
    state.admit(format.bytes(width, height)).map_err(|error| JobError::OutOfMemory(error.to_string()))
}

pub(super) fn push(state: &mut State, image: Image) -> Result<Resource<Image>, Fail<JobError>> {
    let bytes = image.pixels().len() as u64;
    state.admit(bytes).map_err(|error| JobError::OutOfMemory(error.to_string()))?;
    Ok(state.push_image(image)?)
}
