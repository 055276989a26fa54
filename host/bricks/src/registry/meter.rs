//! What the runs of each brick took since the program started.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{RunError, RunOutcome, Usage};

/// Sums over all runs of one brick, whatever its versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Runs that ended, well or not.
    pub runs: u64,
    /// Runs that ended with an error; those that the person stopped do not count.
    pub failures: u64,
    /// Failures in which the brick crashed.
    pub traps: u64,
    /// Times that another version took over.
    pub swaps: u64,
    /// Computing time of the brick itself.
    pub cpu: Duration,
    /// Time from start to end.
    pub wall: Duration,
    /// The most bytes that one run had at once.
    pub peak_memory: u64,
    /// Bytes copied between host and brick.
    pub bytes_copied: u64,
}

/// The totals of all bricks, by id.
#[derive(Debug, Default)]
pub(super) struct Meters(Mutex<HashMap<String, Totals>>);

impl Meters {
    pub(super) fn run(&self, brick: &str, result: &Result<RunOutcome, RunError>, usage: &Usage) {
        self.change(brick, |totals| {
            totals.runs += 1;
            totals.cpu += usage.cpu;
            totals.wall += usage.wall;
            totals.peak_memory = totals.peak_memory.max(usage.peak_memory);
            totals.bytes_copied += usage.bytes_copied;
            match result {
                Ok(_) | Err(RunError::Cancelled) => {}
                Err(error) => {
                    totals.failures += 1;
                    totals.traps += u64::from(matches!(error, RunError::Trapped { .. }));
                }
            }
        });
    }

    pub(super) fn swap(&self, brick: &str) {
        self.change(brick, |totals| totals.swaps += 1);
    }

    pub(super) fn totals(&self, brick: &str) -> Totals {
        self.lock().get(brick).copied().unwrap_or_default()
    }

    fn change(&self, brick: &str, change: impl FnOnce(&mut Totals)) {
        let mut meters = self.lock();
        match meters.get_mut(brick) {
            Some(totals) => change(totals),
            None => change(meters.entry(brick.to_owned()).or_default()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Totals>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
