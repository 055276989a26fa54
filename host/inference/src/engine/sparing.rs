//! Tasks for which the device has less memory than was planned: tried once more with all that saves some.

use super::{Engine, EngineError, Observer};

/// How much a task does to take little memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thrift {
    /// What the plan asks for.
    Planned,
    /// All that it can, since the plan was wrong.
    Most,
}

impl Engine {
    /// Runs a task. If the device runs out of memory, drops all models and runs it once more.
    ///
    /// # Errors
    /// Those of the task; if the device runs out of memory again, with what was planned.
    pub(super) fn sparing<T>(
        &self,
        observer: &dyn Observer,
        mut task: impl FnMut(Thrift) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        match task(Thrift::Planned) {
            Err(EngineError::DeviceFull { .. }) if !observer.cancelled() => {}
            done => return done,
        }
        tracing::warn!("the device ran out of memory; all models are dropped for another try");
        observer.note("the device ran out of memory; it was tried once more with less");
        self.models.drop_all();
        // What was freed is there for others once the device has done all that it was told.
        self.device.synchronize()?;
        task(Thrift::Most).map_err(|error| match error {
            EngineError::DeviceFull { .. } => EngineError::DeviceFull { sizes: Some(self.models.planned()) },
            other => other,
        })
    }
}
