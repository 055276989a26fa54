//! Watching over a call: it ends when it is done, cancelled, out of time, or over a limit.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::outcome;
use crate::{
    Limits, RunError,
    sandbox::{CpuMeter, Log, State},
};

/// How long a brick that was told to stop may take to clean up.
pub(crate) const GRACE: Duration = Duration::from_millis(100);

/// What is needed to watch over the call of one sandbox.
pub(crate) struct Watch<'a> {
    brick: &'a str,
    limits: Limits,
    deadline: Instant,
    cancel: CancellationToken,
    cpu: CpuMeter,
    log: Arc<Log>,
}

impl<'a> Watch<'a> {
    pub(crate) fn over(state: &State, brick: &'a str) -> Self {
        Self {
            brick,
            limits: state.limits,
            deadline: state.deadline,
            cancel: state.cancel.clone(),
            cpu: state.cpu.clone(),
            log: state.log.clone(),
        }
    }

    /// Drives `call` to its end or drops it, whatever it is waiting for: at the deadline at once, after a
    /// cancellation when [`GRACE`] is over; between two ticks at the latest while it computes. After an error its
    /// store must not be used for another call.
    pub(crate) async fn drive<T>(
        self,
        call: impl Future<Output = wasmtime::Result<T>> + Send,
    ) -> Result<T, RunError> {
        let mut call = pin!(call);
        // Most calls are done before a tick has passed and never need a timer.
        let at_once = poll_fn(|context| Poll::Ready(self.cpu.poll(call.as_mut(), context))).await;
        let ended = match at_once {
            Poll::Ready(result) => self.judge(result),
            Poll::Pending => tokio::select! {
                biased;
                stop = self.stop() => Err(stop),
                result = poll_fn(|context| self.cpu.poll(call.as_mut(), context)) => self.judge(result),
            },
        };
        self.log.finish();
        ended
    }

    /// Waits until the call must end.
    async fn stop(&self) -> RunError {
        tokio::select! {
            biased;
            () = sleep_until(self.deadline.into()) => self.deadline_exceeded(),
            () = self.grace_is_over() => RunError::Cancelled,
        }
    }

    async fn grace_is_over(&self) {
        self.cancel.cancelled().await;
        sleep(GRACE).await;
    }

    fn judge<T>(&self, result: wasmtime::Result<T>) -> Result<T, RunError> {
        result.map_err(|error| outcome::stopped(self.brick, &error, &self.limits, &self.log))
    }

    fn deadline_exceeded(&self) -> RunError {
        RunError::DeadlineExceeded { brick: self.brick.to_owned(), limit: self.limits.wall }
    }
}
