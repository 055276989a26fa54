//! One pull from its plan to the installed model: the place is taken, the plan made or taken up, there is room, and
//! then the files come, a few at a time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::PullError;
use super::hub::Hub;
use super::installed::{Record, RecordedFile, settle};
use super::plan::Plan;
use super::space;
use super::staging::{Staging, StagingLock};
use super::transfer::Transfer;
use crate::catalogue::Entry;

/// Files of one model that come at once.
const SIDE_BY_SIDE: usize = 3;
/// How often it is told how far a pull is.
const TELL: Duration = Duration::from_millis(250);

/// How far a pull is.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// What it does.
    pub phase: Phase,
    /// Bytes that are here.
    pub done: u64,
    /// Bytes in all, once that is known.
    pub total: Option<u64>,
}

/// What a pull does.
#[derive(Debug, Clone, Default)]
pub enum Phase {
    /// It waits for other pulls.
    #[default]
    Waiting,
    /// It asks which files there are.
    Listing,
    /// Files come.
    Fetching,
    /// The model is installed.
    Done,
    /// It was stopped; what is here stays.
    Stopped,
    /// It failed.
    Failed(PullError),
}

impl Phase {
    /// Whether there is nothing more to come.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Done | Self::Stopped | Self::Failed(_))
    }
}

/// The work on one model.
pub(super) struct Work {
    pub(super) entry: Entry,
    pub(super) hub: Arc<Hub>,
    /// The studio's model folder.
    pub(super) models: PathBuf,
    pub(super) staging: Staging,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) cancel: CancellationToken,
}

impl Work {
    /// Fetches the model, or waits for the process that does.
    pub(super) async fn run(&self) -> Result<(), PullError> {
        let Some(_lock) = self.take().await? else { return Ok(()) };
        let plan = match self.staging.plan() {
            Some(plan) => plan,
            None => self.plan().await?,
        };
        self.check_room(&plan)?;
        let fetched = self.fetch(&plan).await;
        if fetched.is_err() && self.staging.done(&plan) == 0 {
            self.staging.clear()?;
        }
        let record = Record::new(&self.entry.name, fetched?);
        record.write(&self.staging.files())?;
        settle(&self.staging.files(), &self.place())?;
        self.staging.clear()
    }

    /// The model's place against other processes, or nothing when one of them has installed it.
    async fn take(&self) -> Result<Option<StagingLock>, PullError> {
        loop {
            if let Some(lock) = self.staging.lock()? {
                let installed = Record::read(&self.place()).is_some();
                return Ok(Some(lock).filter(|_| !installed));
            }
            self.tell_of_disk();
            tokio::select! {
                () = self.cancel.cancelled() => return Err(PullError::Cancelled),
                () = tokio::time::sleep(TELL) => {}
            }
        }
    }

    /// How far the process is that has the place.
    fn tell_of_disk(&self) {
        let Some(plan) = self.staging.plan() else { return };
        let (done, total) = (self.staging.done(&plan), plan.total());
        self.progress.send_replace(Progress { phase: Phase::Fetching, done, total });
    }

    async fn plan(&self) -> Result<Plan, PullError> {
        self.progress.send_modify(|progress| progress.phase = Phase::Listing);
        let plan = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(PullError::Cancelled),
            plan = Plan::make(&self.entry, &self.hub) => plan?,
        };
        self.check_room(&plan)?;
        self.staging.keep(&plan)?;
        Ok(plan)
    }

    fn check_room(&self, plan: &Plan) -> Result<(), PullError> {
        let Some((total, free)) = plan.total().zip(space::free(&self.models)) else { return Ok(()) };
        let needed = total.saturating_sub(self.staging.done(plan));
        if needed <= free {
            return Ok(());
        }
        Err(PullError::NoSpace { folder: self.models.clone(), needed, free })
    }

    /// Fetches what is missing. The first failure ends all; what came stays.
    async fn fetch(&self, plan: &Plan) -> Result<BTreeMap<String, RecordedFile>, PullError> {
        let here = |(number, file)| Arc::new(AtomicU64::new(self.staging.here(number, file)));
        let counts: Vec<_> = plan.files.iter().enumerate().map(here).collect();
        let _teller = self.tell(counts.clone(), plan.total());
        let cancel = self.cancel.child_token();
        let turns = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        let mut running = JoinSet::new();
        for (number, count) in counts.into_iter().enumerate() {
            let Some(transfer) = self.transfer(plan, number, count, cancel.clone()) else { continue };
            let turns = turns.clone();
            running.spawn(async move {
                let _turn = turns.acquire_owned().await.map_err(|_| PullError::Cancelled)?;
                Ok((number, transfer.run().await?))
            });
        }
        let mut files = BTreeMap::new();
        let mut failed = None;
        while let Some(ended) = running.join_next().await {
            let ended = ended.unwrap_or_else(|error| Err(PullError::Store(error.to_string())));
            match ended {
                Ok((number, (bytes, sha256))) => {
                    let file = plan.files.get(number).ok_or(PullError::Cancelled)?;
                    files.insert(file.save_as.to_string(), RecordedFile::new(file, bytes, sha256));
                }
                Err(error) => {
                    cancel.cancel();
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(files), Err)
    }

    fn transfer(
        &self,
        plan: &Plan,
        number: usize,
        done: Arc<AtomicU64>,
        cancel: CancellationToken,
    ) -> Option<Transfer> {
        let file = plan.files.get(number)?.clone();
        let place = file.save_as.below(&self.staging.files());
        let (part, etag) = (self.staging.part(number), self.staging.etag(number));
        Some(Transfer { hub: self.hub.clone(), file, part, etag, place, done, cancel })
    }

    /// Tells how far all files are, until the guard is dropped.
    fn tell(&self, counts: Vec<Arc<AtomicU64>>, total: Option<u64>) -> DropGuard {
        let (progress, stop) = (self.progress.clone(), CancellationToken::new());
        let stopped = stop.clone();
        tokio::spawn(async move {
            loop {
                let done = counts.iter().map(|count| count.load(Ordering::Relaxed)).sum();
                progress.send_if_modified(|told| {
                    let news =
                        told.done != done || told.total != total || !matches!(told.phase, Phase::Fetching);
                    if news && !told.phase.is_final() {
                        *told = Progress { phase: Phase::Fetching, done, total };
                    }
                    news
                });
                tokio::select! {
                    () = stopped.cancelled() => return,
                    () = tokio::time::sleep(TELL) => {}
                }
            }
        });
        stop.drop_guard()
    }

    fn place(&self) -> PathBuf {
        self.models.join(&self.entry.name)
    }
}
