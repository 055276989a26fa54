//! The gate that a running brick's calls pass: is it allowed, and a line in the audit either way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use qpyt_bricks::Digest;

use super::Power;
use crate::store::{CallOutcome, JobId, NewCall, Store, StoreError};

/// The most lines that one run gets in the audit. It counts on; the lines of other bricks are not pushed out.
const MOST_LINES: u32 = 1000;

/// The longest scope and the longest note that are listed, in characters.
const MOST_CHARS: usize = 1000;

/// The gate of one run of a brick.
pub struct Gate {
    store: Arc<Store>,
    job: JobId,
    brick: String,
    digest: Digest,
    lines: AtomicU32,
}

/// A call that was let through.
#[derive(Debug, Clone, Copy)]
pub struct Passed {
    line: Option<i64>,
}

/// Why a call was not let through.
#[derive(Debug)]
pub enum Closed {
    /// No permission covers it; the text says how to give one.
    Denied(String),
    /// It could not be looked up.
    Store(StoreError),
}

impl From<StoreError> for Closed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Gate {
    /// The gate of a run in `job` of `brick`, from the binary with this digest.
    pub fn new(store: Arc<Store>, job: JobId, brick: String, digest: Digest) -> Self {
        Self { store, job, brick, digest, lines: AtomicU32::new(0) }
    }

    /// Lets a call through if a permission covers it. `scope` is in its one form; `note` says what the call does.
    ///
    /// # Errors
    /// [`Closed::Denied`] with the way to allow it.
    pub fn ask(&self, power: Power, scope: &str, note: &str) -> Result<Passed, Closed> {
        let mut grants = self.store.grants_of(&self.brick, self.digest, power.import())?;
        grants.retain(|grant| power.covers(&grant.allows.scope, scope));
        let (outcome, on_trial) = if grants.is_empty() {
            (CallOutcome::Denied, Vec::new())
        } else if grants.iter().all(|grant| grant.trial) {
            (CallOutcome::OnTrial, grants.iter().map(|grant| grant.id).collect())
        } else {
            (CallOutcome::Allowed, Vec::new())
        };
        let line = self.note(power, scope, outcome, note, &on_trial)?;
        if outcome == CallOutcome::Denied {
            return Err(Closed::Denied(power.refusal(&self.brick, scope)));
        }
        Ok(Passed { line })
    }

    /// Notes a call that no permission could allow.
    ///
    /// # Errors
    /// When the database fails.
    pub fn refuse(&self, power: Power, scope: &str, note: &str) -> Result<(), StoreError> {
        self.note(power, scope, CallOutcome::Denied, note, &[]).map(drop)
    }

    /// Says how a call that was let through went on.
    ///
    /// # Errors
    /// When the database fails.
    pub fn tell(&self, passed: Passed, note: &str) -> Result<(), StoreError> {
        passed.line.map_or(Ok(()), |line| self.store.add_to_call(line, note))
    }

    fn note(
        &self,
        power: Power,
        scope: &str,
        outcome: CallOutcome,
        note: &str,
        on_trial: &[i64],
    ) -> Result<Option<i64>, StoreError> {
        let before = self.lines.fetch_add(1, Ordering::Relaxed);
        let note = if before + 1 == MOST_LINES {
            format!("{note} (the last that is listed of this run)")
        } else {
            note.to_owned()
        };
        let call = NewCall {
            job: Some(self.job),
            brick: self.brick.clone(),
            digest: self.digest,
            import: power.import().to_owned(),
            scope: short(scope),
            outcome,
            note: short(&note),
        };
        self.store.note_call(&call, on_trial, before < MOST_LINES)
    }
}

fn short(text: &str) -> String {
    text.chars().take(MOST_CHARS).collect()
}
