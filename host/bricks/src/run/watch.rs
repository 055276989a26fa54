//! Watching over a call: it ends when it is done, cancelled, out of time, or over a limit.

use std::{future::Future, sync::Arc, time::Instant};

use tokio_util::sync::CancellationToken;

use super::outcome;
use crate::{
    Limits, RunError,
    sandbox::{CpuMeter, Log, State},
};

/// What is needed to watch over the call of one sandbox.
pub(crate) struct Watch {
    brick: String,
    limits: Limits,
    deadline: Instant,
    cancel: CancellationToken,
    cpu: CpuMeter,
    log: Arc<Log>,
}

impl Watch {
    pub(crate) fn over(state: &State, brick: &str) -> Self {
        Self {
            brick: brick.to_owned(),
            limits: state.limits.clone(),
            deadline: state.deadline,
            cancel: state.cancel.clone(),
            cpu: state.cpu.clone(),
            log: state.log.clone(),
        }
    }

    /// Drives `call` to its end or drops it: on cancellation and at the deadline at once, whatever it is waiting
    /// for; between two ticks at the latest while it computes. After an error its store must not be used for
    /// another call.
    pub(crate) async fn drive<T>(
        self,
        call: impl Future<Output = wasmtime::Result<T>> + Send,
    ) -> Result<T, RunError> {
        let ended = tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(RunError::Cancelled),
            () = tokio::time::sleep_until(self.deadline.into()) => {
                Err(RunError::DeadlineExceeded { brick: self.brick.clone(), limit: self.limits.wall })
            }
            result = self.cpu.meter(call) => {
                result.map_err(|error| outcome::stopped(&self.brick, &error, &self.limits, &self.log))
            }
        };
        self.log.finish();
        ended
    }
}
