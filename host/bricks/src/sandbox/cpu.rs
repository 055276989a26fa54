//! The computing time of one run.
//!
//! A run computes while its future is polled; waiting for the host is free. Between two looks at the clock at most
//! one tick is counted: if more time went by, the operating system ran something else meanwhile, or a host
//! function was at work.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use super::engine::TICK;

/// Sums up computing time. Clones count into the same sum.
#[derive(Debug, Clone, Default)]
pub(crate) struct CpuMeter(Arc<Mutex<Reading>>);

#[derive(Debug, Default)]
struct Reading {
    used: Duration,
    since: Option<Instant>,
}

impl CpuMeter {
    /// Time used so far.
    pub(crate) fn used(&self) -> Duration {
        self.look(|reading, now| reading.count(now))
    }

    /// Polls `future` and counts the time that takes.
    pub(crate) fn poll<F: Future>(&self, future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.look(|reading, now| reading.since = Some(now));
        let polled = future.poll(context);
        self.look(|reading, now| {
            reading.count(now);
            reading.since = None;
        });
        polled
    }

    fn look(&self, change: impl FnOnce(&mut Reading, Instant)) -> Duration {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut reading, Instant::now());
        reading.used
    }
}

impl Reading {
    fn count(&mut self, now: Instant) {
        if let Some(since) = self.since {
            self.used += now.saturating_duration_since(since).min(TICK);
            self.since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin};

    use super::*;

    #[tokio::test]
    async fn waiting_is_free_and_computing_counts() {
        let meter = CpuMeter::default();
        let mut sleep = pin!(tokio::time::sleep(Duration::from_millis(60)));
        poll_fn(|context| meter.poll(sleep.as_mut(), context)).await;
        assert!(meter.used() < Duration::from_millis(30));
        let end = Instant::now() + Duration::from_millis(60);
        let mut busy = pin!(async {
            while Instant::now() < end {
                meter.used();
            }
        });
        poll_fn(|context| meter.poll(busy.as_mut(), context)).await;
        assert!(meter.used() > Duration::ZERO);
    }

    #[test]
    fn one_look_counts_at_most_a_tick() {
        let start = Instant::now();
        let mut reading = Reading { used: Duration::ZERO, since: Some(start) };
        reading.count(start + Duration::from_secs(3));
        assert_eq!(reading.used, TICK);
    }
}
