//! Fetching models of the catalogue: each is fetched once however many ask, goes on where it was left, and is on the
//! shelf only when it is whole and checked. See `docs/decisions/115-models-are-fetched-by-our-own-client.md`.
//!
//! [`work`] does one pull, [`transfer`] one file of it; [`staging`] is its place on the disk and [`view`] how it is shown.

mod error;
mod hub;
mod installed;
pub mod name;
mod part;
mod plan;
pub mod space;
mod staging;
mod transfer;
pub mod view;
mod work;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, broadcast, watch};
use tokio_util::sync::CancellationToken;

pub use self::error::{PullError, amount};
use self::hub::Hub;
use self::installed::Record;
use self::plan::Plan;
use self::staging::Staging;
use self::work::Work;
pub use self::work::{Phase, Progress};
use crate::catalogue::{Catalogue, Entry};
use crate::config::HubConfig;
use crate::network::Network;
use crate::store::Store;

/// Models that are fetched at once; others wait.
const AT_ONCE: usize = 2;
/// News that a slow listener may fall behind.
const BACKLOG: usize = 64;

/// Where models are.
#[derive(Debug, Clone)]
pub struct ModelPlaces {
    /// Those that come with the studio.
    pub shipped: PathBuf,
    /// The studio's own folder, the only one that is written to.
    pub own: PathBuf,
    /// Those that the person named.
    pub others: Vec<PathBuf>,
}

impl ModelPlaces {
    /// All of them, in the order in which they are searched.
    #[must_use]
    pub fn in_order(&self) -> Vec<PathBuf> {
        std::iter::once(&self.shipped).chain(&self.others).chain([&self.own]).cloned().collect()
    }
}

/// All pulls of this process.
pub struct Pulls {
    catalogue: &'static Catalogue,
    network: Arc<Network>,
    hub: Arc<Hub>,
    places: ModelPlaces,
    active: Mutex<BTreeMap<String, Active>>,
    turns: Arc<Semaphore>,
    news: broadcast::Sender<String>,
}

/// A pull that is under way, or one that failed and was not tried again yet.
struct Active {
    progress: watch::Sender<Progress>,
    cancel: CancellationToken,
}

/// How much a pull would fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Bytes that are missing; `None` where a source does not tell.
    pub missing: Option<u64>,
    /// Bytes that are free where they would go; `None` where the system does not tell.
    pub free: Option<u64>,
}

impl Pulls {
    /// The pulls into the studio's model folder.
    ///
    /// # Errors
    /// When the catalogue that is compiled in can't be read.
    pub fn new(
        network: Arc<Network>,
        store: Arc<Store>,
        config: HubConfig,
        places: ModelPlaces,
    ) -> anyhow::Result<Self> {
        let hub = Arc::new(Hub::new(network.clone(), store, config));
        Ok(Self {
            catalogue: Catalogue::embedded().map_err(|error| anyhow::anyhow!("{error}"))?,
            network,
            hub,
            places,
            active: Mutex::default(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            news: broadcast::Sender::new(BACKLOG),
        })
    }

    /// The names of models whose pull moves, or that were installed or removed.
    pub fn news(&self) -> broadcast::Receiver<String> {
        self.news.subscribe()
    }

    /// Begins to fetch a model, or joins the pull of it that is under way.
    ///
    /// # Errors
    /// When there is nothing to fetch, or the network is off.
    pub fn start(self: &Arc<Self>, name: &str) -> Result<watch::Receiver<Progress>, PullError> {
        let entry = self.catalogue.find(name)?;
        self.check_wanted(entry)?;
        let mut active = self.active();
        if let Some(known) = active.get(name).filter(|known| !known.progress.borrow().phase.is_final()) {
            return Ok(known.progress.subscribe());
        }
        self.network.check_on()?;
        let (progress, cancel) = (watch::Sender::new(Progress::default()), CancellationToken::new());
        active.insert(name.to_owned(), Active { progress: progress.clone(), cancel: cancel.clone() });
        drop(active);
        let watched = progress.subscribe();
        let work = Work {
            entry: entry.clone(),
            hub: self.hub.clone(),
            models: self.places.own.clone(),
            staging: self.staging(name),
            progress,
            cancel,
        };
        tokio::spawn(self.clone().tell(name.to_owned(), watched.clone()));
        tokio::spawn(self.clone().see_to(work));
        Ok(watched)
    }

    /// How much a pull would fetch. Asks the Hub unless the catalogue or an interrupted pull knows.
    ///
    /// # Errors
    /// When there is nothing to fetch, or the Hub does not say.
    pub async fn measure(&self, name: &str) -> Result<Measure, PullError> {
        let entry = self.catalogue.find(name)?;
        self.check_wanted(entry)?;
        let staging = self.staging(name);
        let missing = match (staging.plan(), entry.bytes()) {
            (Some(plan), _) => plan.total().map(|total| total.saturating_sub(staging.done(&plan))),
            (None, Some(bytes)) => Some(bytes),
            (None, None) => Plan::make(entry, &self.hub).await?.total(),
        };
        Ok(Measure { missing, free: space::free(&self.places.own) })
    }

    /// Stops a pull, if there is one, and keeps what is here.
    ///
    /// # Errors
    /// [`PullError::Elsewhere`].
    pub async fn stop(&self, name: &str) -> Result<(), PullError> {
        let entry = self.catalogue.find(name)?;
        let Some(mut progress) = self.cancel(name) else {
            let held = self.staging(&entry.name).is_held();
            return if held { Err(PullError::Elsewhere(name.to_owned())) } else { Ok(()) };
        };
        // It fails when the pull is gone, which is an end too.
        let _ = progress.wait_for(|progress| progress.phase.is_final()).await;
        self.announce(name);
        Ok(())
    }

    /// Throws away what an interrupted or failed pull left.
    ///
    /// # Errors
    /// When it is under way, here or in another process, or the disk refuses.
    pub fn discard(&self, name: &str) -> Result<(), PullError> {
        let entry = self.catalogue.find(name)?;
        let staging = self.staging(&entry.name);
        let mut active = self.active();
        if active.get(name).is_some_and(|known| !known.progress.borrow().phase.is_final()) {
            return Err(PullError::Busy(name.to_owned()));
        }
        let lock = staging.lock()?.ok_or_else(|| PullError::Elsewhere(name.to_owned()))?;
        staging.clear()?;
        active.remove(name);
        drop((lock, active));
        self.announce(name);
        Ok(())
    }

    /// Removes a model that was fetched.
    ///
    /// # Errors
    /// [`PullError::NotOurs`] for every other one, [`PullError::Busy`], and the disk's.
    pub fn remove(&self, name: &str) -> Result<(), PullError> {
        let entry = self.catalogue.find(name)?;
        let place = self.place(entry);
        Record::read(&place).ok_or_else(|| PullError::NotOurs(name.to_owned()))?;
        let lock = self.staging(name).lock()?.ok_or_else(|| PullError::Elsewhere(name.to_owned()))?;
        staging::remove_model(&self.places.own, &place)?;
        drop(lock);
        self.announce(name);
        Ok(())
    }

    /// Does the work in its turn and writes down how it ended.
    async fn see_to(self: Arc<Self>, work: Work) {
        let name = work.entry.name.clone();
        let ended = tokio::select! {
            biased;
            () = work.cancel.cancelled() => Err(PullError::Cancelled),
            turn = self.turns.clone().acquire_owned() => match turn {
                Ok(turn) => {
                    let ended = work.run().await;
                    drop(turn);
                    ended
                }
                Err(_) => Err(PullError::Cancelled),
            },
        };
        let phase = match ended {
            Ok(()) => Phase::Done,
            Err(PullError::Cancelled) => Phase::Stopped,
            Err(error) => {
                tracing::info!(model = name, %error, "a model could not be fetched");
                Phase::Failed(error)
            }
        };
        // Before it is told, so that who hears of it sees what is on the disk.
        if !matches!(phase, Phase::Failed(_)) {
            self.active().remove(&name);
        }
        work.progress.send_modify(|progress| progress.phase = phase);
    }

    /// Announces each step of a pull.
    async fn tell(self: Arc<Self>, name: String, mut progress: watch::Receiver<Progress>) {
        loop {
            self.announce(&name);
            if progress.borrow_and_update().phase.is_final() || progress.changed().await.is_err() {
                return self.announce(&name);
            }
        }
    }

    fn cancel(&self, name: &str) -> Option<watch::Receiver<Progress>> {
        let active = self.active();
        let known = active.get(name)?;
        known.cancel.cancel();
        Some(known.progress.subscribe())
    }

    fn announce(&self, name: &str) {
        // It fails when nobody listens, which is fine.
        let _ = self.news.send(name.to_owned());
    }

    /// Fails where there is nothing to fetch.
    fn check_wanted(&self, entry: &Entry) -> Result<(), PullError> {
        let (name, place) = (entry.name.clone(), self.place(entry));
        if entry.ships {
            return Err(PullError::Ships(name));
        }
        if Record::read(&place).is_some() {
            return Err(PullError::Installed { name, path: place });
        }
        if place.exists() { Err(PullError::Occupied(place)) } else { Ok(()) }
    }

    fn place(&self, entry: &Entry) -> PathBuf {
        self.places.own.join(&entry.name)
    }

    fn staging(&self, name: &str) -> Staging {
        Staging::of(&self.places.own, name)
    }

    fn active(&self) -> MutexGuard<'_, BTreeMap<String, Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder that models are fetched into.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.places.own
    }
}
