//! One version of a brick: a loaded binary with what is known of its runs. A job keeps the versions it began with, so
//! an old version ends its runs while a new one serves.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use super::{
    LogLine, PlaceId, Shared,
    recorder::Recorder,
    tape::{Opening, WriteLine},
};
use crate::{Binary, Digest, RunError, RunOutcome, RunRequest, capability::Level};

/// Crashes in a row after which a version is set aside.
pub const CRASHES_TO_QUARANTINE: u32 = 3;

/// A loaded version of the bricks at a place.
pub struct Version {
    binary: Arc<Binary>,
    place: PlaceId,
    loaded_at: SystemTime,
    crashes: AtomicU32,
    quarantined: AtomicBool,
    running: AtomicUsize,
    registry: Weak<Shared>,
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({} at {})", self.binary.digest(), self.place)
    }
}

impl Version {
    pub(super) fn new(
        binary: Arc<Binary>,
        place: PlaceId,
        loaded_at: SystemTime,
        registry: Weak<Shared>,
    ) -> Arc<Self> {
        Arc::new(Self {
            binary,
            place,
            loaded_at,
            crashes: AtomicU32::new(0),
            quarantined: AtomicBool::new(false),
            running: AtomicUsize::new(0),
            registry,
        })
    }

    /// The binary.
    pub fn binary(&self) -> &Arc<Binary> {
        &self.binary
    }

    /// Digest of the binary.
    pub fn digest(&self) -> Digest {
        *self.binary.digest()
    }

    /// The place that it is from.
    pub fn place(&self) -> &PlaceId {
        &self.place
    }

    /// When it was loaded for the first time.
    pub fn loaded_at(&self) -> SystemTime {
        self.loaded_at
    }

    /// Runs under way.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// Whether it crashed so often in a row that it is set aside.
    pub fn is_quarantined(&self) -> bool {
        self.quarantined.load(Ordering::Relaxed)
    }

    pub(super) fn set_aside(&self) {
        self.quarantined.store(true, Ordering::Relaxed);
    }

    pub(super) fn release(&self) {
        self.crashes.store(0, Ordering::Relaxed);
        self.quarantined.store(false, Ordering::Relaxed);
    }

    /// Runs one of its bricks once: counted, logged, recorded for the trial of the next version, with its state. `job`
    /// names whose run it is in the log.
    ///
    /// # Errors
    /// [`RunError`]; a version that is set aside refuses.
    pub async fn run(
        self: &Arc<Self>,
        mut request: RunRequest,
        job: Option<&str>,
    ) -> Result<RunOutcome, RunError> {
        let brick = request.brick.clone();
        if self.is_quarantined() {
            return Err(RunError::Quarantined { brick, crashes: CRASHES_TO_QUARANTINE });
        }
        let Some(registry) = self.registry.upgrade() else { return self.binary.run(request).await };
        let _running = Running::on(&self.running);
        let _alone = match self.binary.is_stateful() {
            true => Some(registry.states.take_turn(&brick).await),
            false => None,
        };
        if self.binary.is_stateful() {
            request.state = registry.state_of(&brick).await;
        }
        let recorder = Arc::new(Recorder::over(request.host, self.write_line(&registry, &brick, job)));
        request.host = recorder.clone();
        let opening = Opening::of(&request);
        let (result, usage) = self.binary.run_metered(request).await;
        registry.meters.run(&brick, &result, &usage);
        match &result {
            Ok(outcome) => {
                self.crashes.store(0, Ordering::Relaxed);
                let version = self.version_of(&brick);
                let recorded = opening
                    .zip(version)
                    .and_then(|(opening, version)| recorder.finish(opening, version, usage.wall));
                registry.keep_tape(&brick, recorded);
                registry.keep_memory(&brick, outcome.memory.clone()).await?;
            }
            Err(error) => self.note_failure(&registry, &brick, job, error),
        }
        result
    }

    fn note_failure(&self, registry: &Arc<Shared>, brick: &str, job: Option<&str>, error: &RunError) {
        if *error == RunError::Cancelled {
            return;
        }
        registry.journal.write(brick, LogLine::now(Level::Error, &error.to_string(), job, self.digest()));
        if !matches!(error, RunError::Trapped { .. }) {
            self.crashes.store(0, Ordering::Relaxed);
            return;
        }
        let crashes = self.crashes.fetch_add(1, Ordering::Relaxed) + 1;
        if crashes >= CRASHES_TO_QUARANTINE && !self.quarantined.swap(true, Ordering::Relaxed) {
            registry.set_aside(self, error);
        }
    }

    pub(super) fn write_line(&self, registry: &Arc<Shared>, brick: &str, job: Option<&str>) -> WriteLine {
        let (registry, digest) = (Arc::downgrade(registry), self.digest());
        let (brick, job) = (brick.to_owned(), job.map(str::to_owned));
        Box::new(move |level, message| {
            if let Some(registry) = registry.upgrade() {
                registry.journal.write(&brick, LogLine::now(level, message, job.as_deref(), digest));
            }
        })
    }

    /// The version number of one of its bricks.
    pub fn version_of(&self, brick: &str) -> Option<&semver::Version> {
        self.binary.bricks().iter().find(|info| info.id == brick).map(|info| &info.version)
    }

    /// The ids of its bricks.
    pub fn brick_ids(&self) -> Vec<String> {
        self.binary.bricks().iter().map(|info| info.id.clone()).collect()
    }
}

/// Counts a run for as long as it lives.
struct Running<'a>(&'a AtomicUsize);

impl<'a> Running<'a> {
    fn on(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
