//! What running jobs look like right now. Kept in memory: it ends with the run, and the job's row keeps the rest.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::hub::Hub;
use super::progress::{BrickProgress, BrickState, Bricks, Preview, ProgressUpdate};
use super::view::JobFailure;
use crate::store::{JobId, JobState, Outcome};

/// Least time between two previews of a job. The newest wins; the browser needs no more to look alive.
const PREVIEW_PAUSE: Duration = Duration::from_millis(120);

/// The running jobs, and those whose end could not be written yet.
pub struct Live {
    jobs: Mutex<HashMap<JobId, LiveJob>>,
    held: Mutex<HashMap<JobId, Held>>,
    hub: Hub,
}

/// How a job ended, while its row can't say so.
#[derive(Clone)]
pub struct Held {
    /// How it ended.
    pub state: JobState,
    /// Why, if it failed.
    pub error: Option<JobFailure>,
    /// How its bricks ended.
    pub bricks: Bricks,
}

struct LiveJob {
    bricks: Bricks,
    preview: Option<Preview>,
    previewed: Option<Instant>,
    cancel: CancellationToken,
}

impl Live {
    /// No job runs yet. Updates go to `hub`.
    pub fn new(hub: Hub) -> Self {
        Self { jobs: Mutex::default(), held: Mutex::default(), hub }
    }

    /// A job begins. The token stops it.
    pub fn begin(&self, job: JobId) -> CancellationToken {
        let cancel = CancellationToken::new();
        let begun = LiveJob { bricks: Bricks::new(), preview: None, previewed: None, cancel: cancel.clone() };
        self.lock().insert(job, begun);
        cancel
    }

    /// The bricks that the job is going to run.
    pub fn expect(&self, job: JobId, bricks: Bricks) {
        if let Some(running) = self.lock().get_mut(&job) {
            running.bricks = bricks;
        }
    }

    /// A job is over; returns how its bricks ended. Bricks that never ran are skipped, those that were stopped on
    /// their way too.
    pub fn end(&self, job: JobId) -> Bricks {
        let Some(mut ended) = self.lock().remove(&job) else { return Bricks::new() };
        for brick in ended.bricks.values_mut() {
            if matches!(brick.state, BrickState::Pending | BrickState::Running) {
                *brick = BrickProgress::at(BrickState::Skipped);
            }
        }
        ended.bricks
    }

    /// Keeps how a job ended until its row can say so.
    pub fn hold(&self, job: JobId, outcome: &Outcome, bricks: &Bricks) {
        let (state, error) = match outcome {
            Outcome::Succeeded => (JobState::Succeeded, None),
            Outcome::Cancelled => (JobState::Cancelled, None),
            Outcome::Failed(error) => (JobState::Failed, serde_json::from_value(error.clone()).ok()),
        };
        self.lock_held().insert(job, Held { state, error, bricks: bricks.clone() });
    }

    /// The job's row says how it ended.
    pub fn release(&self, job: JobId) {
        self.lock_held().remove(&job);
    }

    /// How a job ended whose row can't say so yet.
    pub fn held(&self, job: JobId) -> Option<Held> {
        self.lock_held().get(&job).cloned()
    }

    /// Asks a running job to stop.
    pub fn cancel(&self, job: JobId) {
        if let Some(running) = self.lock().get(&job) {
            running.cancel.cancel();
        }
    }

    /// The jobs that run.
    pub fn running(&self) -> Vec<JobId> {
        self.lock().keys().copied().collect()
    }

    /// How a running job stands.
    pub fn look(&self, job: JobId) -> Option<(Bricks, Option<Preview>)> {
        self.lock().get(&job).map(|running| (running.bricks.clone(), running.preview.clone()))
    }

    /// A brick changed its state; returns how all bricks of the job stand. What there is to know of its result stays.
    pub fn set(&self, job: JobId, brick: &str, mut progress: BrickProgress) -> Bricks {
        let mut jobs = self.lock();
        let Some(running) = jobs.get_mut(&job) else { return Bricks::new() };
        if progress.state != BrickState::Running {
            running.preview = None;
        }
        if let Some(before) = running.bricks.get_mut(brick).filter(|_| progress.notes.is_empty()) {
            progress.notes = std::mem::take(&mut before.notes);
        }
        running.bricks.insert(brick.to_owned(), progress);
        running.bricks.clone()
    }

    /// A brick came further.
    pub fn progress(&self, job: JobId, update: ProgressUpdate) {
        if let Some(progress) =
            self.lock().get_mut(&job).and_then(|running| running.bricks.get_mut(&update.brick))
        {
            progress.fraction = Some(update.fraction);
            progress.step = update.step;
            progress.steps = update.steps;
            progress.note.clone_from(&update.note);
            progress.notes.clone_from(&update.notes);
            if update.text.is_some() {
                progress.text.clone_from(&update.text);
            }
        }
        self.hub.progress(update);
    }

    /// What the person should know of a brick's result, so far.
    pub fn notes(&self, job: JobId, brick: &str) -> Vec<String> {
        let jobs = self.lock();
        jobs.get(&job)
            .and_then(|running| running.bricks.get(brick))
            .map_or_else(Vec::new, |it| it.notes.clone())
    }

    /// Whether it is time for another preview of a job.
    pub fn wants_preview(&self, job: JobId) -> bool {
        self.lock().get(&job).is_some_and(|job| job.previewed.is_none_or(|at| at.elapsed() >= PREVIEW_PAUSE))
    }

    /// A glimpse of what a brick makes.
    pub fn preview(&self, job: JobId, preview: Preview) {
        if let Some(running) = self.lock().get_mut(&job) {
            running.previewed = Some(Instant::now());
            running.preview = Some(preview.clone());
        }
        self.hub.preview(preview);
    }

    fn lock_held(&self) -> MutexGuard<'_, HashMap<JobId, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, LiveJob>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
