//! What a run may know about itself and say to the person who waits.

use std::time::Duration;

use crate::bindings::qpyt::job::context;
use crate::{BrickError, Result};

pub use crate::bindings::qpyt::job::clock;
pub use crate::bindings::qpyt::job::context::Level;
pub use crate::bindings::qpyt::job::types::JobError;

/// Shows how far the run is, 0 to 1, with a short note. Fails with [`BrickError::Cancelled`] once the person stopped
/// the job, so `?` is all it takes to stop in time.
pub fn progress(fraction: f32, note: &str) -> Result<()> {
    if context::progress(fraction, note) { Ok(()) } else { Err(BrickError::Cancelled) }
}

/// Fails with [`BrickError::Cancelled`] once the person stopped the job.
pub fn check_cancelled() -> Result<()> {
    if context::cancelled() { Err(BrickError::Cancelled) } else { Ok(()) }
}

/// Writes a line to the brick's log, linked to the job.
pub fn log(level: Level, message: &str) {
    context::log(level, message);
}

/// The time that is left to this run.
pub fn time_left() -> Duration {
    Duration::from_millis(context::deadline_ms())
}

/// A number for the brick's own random choices. The same inputs and parameters give the same number.
pub fn seed() -> u64 {
    context::seed()
}
