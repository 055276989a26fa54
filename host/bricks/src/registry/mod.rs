//! The bricks that are installed, as they change while people work.
//!
//! ```text
//! file event → settle → load (digest, compile, contract, describe) → admit → trial run → swap → the old version drains
//! ```
//!
//! Whatever fails on the way leaves the version that serves as it is, and is kept as a refusal that says why. Readers
//! take a [`Snapshot`], which never changes; runs hold their [`Version`], so a swap fails no call. See
//! `docs/decisions/060-swapping-bricks.md`.

mod admit;
mod canary;
mod journal;
mod meter;
mod place;
mod player;
mod recorder;
mod shelf;
mod states;
mod tape;
mod version;
mod watch;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use arc_swap::ArcSwap;
use tokio::sync::broadcast;

use self::{
    journal::Journal,
    meter::Meters,
    place::Signature,
    shelf::{KeptVersion, Record, Shelf},
    states::States,
    tape::Tape,
    watch::News,
};
pub use self::{
    journal::LogLine,
    meter::Totals,
    place::{BUILD_ERROR_FILE, DEV_PREFIX, PlaceId},
    player::powerless,
    version::{CRASHES_TO_QUARANTINE, Version},
};
use crate::{Binary, Digest, Memory, RunError, Runtime, SavedState};

/// Good versions kept of each place, the one that serves among them.
pub const KEPT_VERSIONS: usize = 3;

/// Changes that a slow listener may fall behind before it misses some.
const BACKLOG: usize = 256;

/// What the registry asks of the studio. The calls block.
pub trait Steward: Send + Sync {
    /// Whether the binary may serve at all; the text says why not and what to do.
    ///
    /// # Errors
    /// Why not.
    fn admit(&self, candidate: &Binary) -> Result<(), String>;
    /// `to` is about to take over from `from` in the same place: carry over what the person allowed.
    fn hand_over(&self, from: &Binary, to: &Binary);
    /// What the brick remembers.
    fn state(&self, brick: &str) -> Option<SavedState>;
    /// Keeps what the brick wants to remember, or forgets what it remembered.
    ///
    /// # Errors
    /// Why it can't be kept.
    fn keep_state(&self, brick: &str, state: Option<&SavedState>) -> Result<(), String>;
}

/// How a registry is set up.
pub struct RegistryOptions {
    /// The brick folders; of two places with the same brick in the same version the first counts.
    pub roots: Vec<PathBuf>,
    /// Where copies of the last good versions are kept.
    pub shelf: PathBuf,
    /// Whether to keep copies, or only to read what another process keeps.
    pub keeps_copies: bool,
    /// What the studio does for the registry.
    pub steward: Arc<dyn Steward>,
}

/// The installed bricks at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Grows with every change.
    pub revision: u64,
    /// Those under development, then in the order of the roots; by name within each.
    pub places: Vec<Place>,
}

/// A place at one moment.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its id.
    pub id: PlaceId,
    /// The folder or file.
    pub path: PathBuf,
    /// The version that new runs get.
    pub serving: Option<Arc<Version>>,
    /// The last good versions, newest first, the one that serves among them.
    pub kept: Vec<Arc<Version>>,
    /// Whether the person chose the version that serves over the one in the place's file.
    pub selected: bool,
    /// The newest candidate, if it may not serve.
    pub refusal: Option<Arc<Refusal>>,
}

/// Why a candidate does not serve.
#[derive(Debug)]
pub struct Refusal {
    /// What was wrong.
    pub kind: RefusalKind,
    /// What to tell the person.
    pub message: String,
    /// Since when.
    pub since: SystemTime,
    /// The candidate, if it was loaded; it may serve anyway if only its trial run failed.
    pub candidate: Option<Arc<Version>>,
}

/// At which step a candidate was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// Its source does not build.
    Build,
    /// It can't be loaded.
    Load,
    /// It is not from the publisher that it names.
    Publisher,
    /// Its trial run failed.
    Canary,
}

/// What happened to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// A place is new, or came back.
    Added,
    /// A new version serves.
    Swapped,
    /// A candidate was refused.
    Refused,
    /// A refusal is over: the file is again what serves.
    Settled,
    /// The place is gone.
    Removed,
    /// The version that serves crashed too often and is set aside.
    Quarantined,
    /// The version that served crashed too often; the one before serves again.
    RolledBack,
    /// The person chose a kept version.
    Selected,
    /// The person lifted a quarantine.
    Released,
}

/// News of a place.
#[derive(Debug, Clone)]
pub struct Change {
    /// The revision that it led to.
    pub revision: u64,
    /// What happened.
    pub kind: ChangeKind,
    /// Where.
    pub place: PlaceId,
    /// The bricks of the version that serves, or served last.
    pub bricks: Vec<String>,
    /// The version that serves now.
    pub to: Option<Arc<Version>>,
    /// The digest of the version that served before.
    pub from: Option<Digest>,
    /// Why.
    pub reason: Option<String>,
}

/// Why something can't be done with a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// No such place.
    #[error("There is no brick at the place `{0}`; it may have been removed meanwhile.")]
    UnknownPlace(String),
    /// No such version.
    #[error("The version {0} is not kept; the last {KEPT_VERSIONS} good versions of a brick are.")]
    UnknownVersion(Digest),
    /// The version crashed too often.
    #[error("The version {0} crashed too often and is set aside. Lift that first with “Try again”.")]
    SetAside(Digest),
    /// Nothing waits to be used anyway.
    #[error("No version waits here that could be used anyway; only one that failed its trial run can.")]
    NothingToUse,
}

/// The installed bricks. Clones are the same registry.
#[derive(Clone)]
pub struct Registry(Arc<Shared>);

struct Shared {
    runtime: Runtime,
    roots: Vec<PathBuf>,
    shelf: Shelf,
    shelf_turn: Mutex<()>,
    keeps_copies: bool,
    steward: Arc<dyn Steward>,
    entries: Mutex<Entries>,
    snapshot: ArcSwap<Snapshot>,
    changes: broadcast::Sender<Arc<Change>>,
    tapes: Mutex<HashMap<String, Arc<Tape>>>,
    meters: Meters,
    journal: Journal,
    states: States,
    news: Arc<News>,
}

/// What is known of the places.
#[derive(Default)]
struct Entries {
    revision: u64,
    places: HashMap<PathBuf, Entry>,
}

struct Entry {
    place: Place,
    signature: Option<Signature>,
    /// Counts looks at the place; what an older look found is out of date.
    looks: u64,
    /// The version in the place's file.
    in_file: Option<Digest>,
    /// Kept versions on the shelf that are not loaded yet.
    unloaded: Vec<KeptVersion>,
}

impl Registry {
    /// Loads what is in the roots. Nothing is watched before [`watch`](Self::watch).
    pub async fn open(runtime: Runtime, options: RegistryOptions) -> Self {
        let shared = Arc::new(Shared {
            runtime,
            roots: options.roots,
            shelf: Shelf::at(&options.shelf),
            shelf_turn: Mutex::default(),
            keeps_copies: options.keeps_copies,
            steward: options.steward,
            entries: Mutex::default(),
            snapshot: ArcSwap::default(),
            changes: broadcast::Sender::new(BACKLOG),
            tapes: Mutex::default(),
            meters: Meters::default(),
            journal: Journal::default(),
            states: States::default(),
            news: Arc::default(),
        });
        shared.open_all().await;
        Self(shared)
    }

    /// Follows changes on the disk until the future is dropped. Begins with loading the kept versions.
    pub async fn watch(self) {
        self.0.load_kept().await;
        watch::watch(self.0).await;
    }

    /// The installed bricks as they are now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.snapshot.load_full()
    }

    /// News from now on. A listener that falls behind misses some and takes a new snapshot.
    pub fn changes(&self) -> broadcast::Receiver<Arc<Change>> {
        self.0.changes.subscribe()
    }

    /// What the brick's runs took since the program started.
    pub fn totals(&self, brick: &str) -> Totals {
        self.0.meters.totals(brick)
    }

    /// The newest log lines of a brick, oldest first.
    pub fn log(&self, brick: &str, limit: usize) -> Vec<LogLine> {
        self.0.journal.read(brick, limit)
    }

    /// Lets a kept version serve. It stays until the place's file changes.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn select(&self, place: &str, digest: &Digest) -> Result<(), PlaceError> {
        let (path, version) = {
            let entries = self.0.lock();
            let (path, entry) = entries.find(place)?;
            let kept = entry.place.kept.iter().find(|version| version.digest() == *digest);
            (path.to_owned(), kept.cloned().ok_or(PlaceError::UnknownVersion(*digest))?)
        };
        if version.is_quarantined() {
            return Err(PlaceError::SetAside(*digest));
        }
        self.0.take_over(&path, version, ChangeKind::Selected, None, None).await;
        Ok(())
    }

    /// Lets a candidate serve whose trial run failed.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn use_anyway(&self, place: &str) -> Result<(), PlaceError> {
        let (path, candidate) = {
            let entries = self.0.lock();
            let (path, entry) = entries.find(place)?;
            let refusal = entry.place.refusal.as_ref().filter(|refusal| refusal.kind == RefusalKind::Canary);
            let candidate = refusal.and_then(|refusal| refusal.candidate.clone());
            (path.to_owned(), candidate.ok_or(PlaceError::NothingToUse)?)
        };
        self.0.take_over(&path, candidate, ChangeKind::Swapped, None, None).await;
        Ok(())
    }

    /// Lifts every quarantine at a place. To be called on the async runtime.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn release(&self, place: &str) -> Result<(), PlaceError> {
        let mut entries = self.0.lock();
        let (path, entry) = entries.find(place)?;
        let path = path.to_owned();
        entry.place.kept.iter().chain(&entry.place.serving).for_each(|version| version.release());
        let (id, serving) = (entry.place.id.clone(), entry.place.serving.clone());
        self.0.publish(&mut entries, &id, ChangeKind::Released, serving.clone(), None, None);
        drop(entries);
        if let Some(serving) = serving {
            self.0.put_on_shelf(path, serving);
        }
        Ok(())
    }
}

impl Entries {
    fn find(&self, place: &str) -> Result<(&Path, &Entry), PlaceError> {
        let found = self.places.iter().find(|(_, entry)| entry.place.id.as_str() == place);
        found
            .map(|(path, entry)| (path.as_path(), entry))
            .ok_or_else(|| PlaceError::UnknownPlace(place.chars().take(32).collect()))
    }
}

impl Entry {
    fn new(path: &Path) -> Self {
        let place = Place {
            id: PlaceId::of(path),
            path: path.to_owned(),
            serving: None,
            kept: Vec::new(),
            selected: false,
            refusal: None,
        };
        Self { place, signature: None, looks: 0, in_file: None, unloaded: Vec::new() }
    }

    /// Puts a good version first among the kept ones; the oldest goes if it does not serve.
    fn keep(&mut self, version: &Arc<Version>) {
        self.place.kept.retain(|kept| kept.digest() != version.digest());
        self.place.kept.insert(0, version.clone());
        self.place.kept.truncate(KEPT_VERSIONS);
    }

    fn record(&self) -> Record {
        let kept = |version: &Arc<Version>| {
            KeptVersion::new(version.digest(), version.loaded_at(), version.is_quarantined())
        };
        let serving = self.place.serving.as_ref().filter(|_| self.place.selected);
        let versions = self.place.kept.iter().map(kept).chain(self.unloaded.iter().cloned());
        Record {
            path: self.place.path.clone(),
            versions: versions.take(KEPT_VERSIONS).collect(),
            selected: serving.map(|version| version.digest()),
            in_file: self.in_file,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a version serve: what the person allowed is carried over first, then the next run gets it.
    /// `look` is the look at the place that found it; a later one wins.
    async fn take_over(
        self: &Arc<Self>,
        path: &Path,
        version: Arc<Version>,
        kind: ChangeKind,
        look: Option<u64>,
        reason: Option<String>,
    ) {
        let before = self.lock().places.get(path).and_then(|entry| entry.place.serving.clone());
        if let Some(before) = before.filter(|before| before.digest() != version.digest()) {
            let (steward, to) = (self.steward.clone(), version.clone());
            let carried =
                tokio::task::spawn_blocking(move || steward.hand_over(before.binary(), to.binary())).await;
            if let Err(error) = carried {
                tracing::error!(%error, "permissions were not carried over to the new version");
            }
        }
        let mut entries = self.lock();
        let Some(entry) = entries.places.get_mut(path) else { return };
        if look.is_some_and(|look| look != entry.looks) {
            return;
        }
        let from = entry.place.serving.replace(version.clone()).map(|before| before.digest());
        entry.place.refusal = None;
        match kind {
            ChangeKind::Selected => entry.place.selected = entry.in_file != Some(version.digest()),
            ChangeKind::RolledBack => entry.place.selected = true,
            _ => {
                entry.place.selected = false;
                entry.in_file = Some(version.digest());
                entry.keep(&version);
            }
        }
        let kind = if from.is_none() && kind == ChangeKind::Swapped { ChangeKind::Added } else { kind };
        if from.is_some_and(|from| from != version.digest()) {
            version.brick_ids().iter().for_each(|brick| self.meters.swap(brick));
        }
        let id = entry.place.id.clone();
        self.publish(&mut entries, &id, kind, Some(version.clone()), from, reason);
        drop(entries);
        self.put_on_shelf(path.to_owned(), version);
    }

    /// Keeps a copy of the version and notes how the place stands, off the way of whoever waits for the swap.
    fn put_on_shelf(self: &Arc<Self>, path: PathBuf, version: Arc<Version>) {
        if !self.keeps_copies {
            return;
        }
        let shared = self.clone();
        tokio::task::spawn_blocking(move || {
            let id = PlaceId::of(&path);
            // One after the other, so that an older note does not replace a newer one.
            let _turn = shared.shelf_turn.lock().unwrap_or_else(PoisonError::into_inner);
            let copied = shared.shelf.copy(&id, version.binary()).and_then(|()| {
                let record = shared.lock().places.get(&path).map(Entry::record);
                record.map_or(Ok(()), |record| shared.shelf.write(&id, &record))
            });
            if let Err(error) = copied {
                tracing::warn!("no copy of {} is kept: {error}", version.binary().path().display());
            }
        });
    }

    /// Makes the new picture of all places visible and tells of it.
    fn publish(
        &self,
        entries: &mut Entries,
        place: &PlaceId,
        kind: ChangeKind,
        to: Option<Arc<Version>>,
        from: Option<Digest>,
        reason: Option<String>,
    ) {
        let bricks = to.as_ref().map(|version| version.brick_ids()).unwrap_or_default();
        self.publish_for(entries, place, kind, bricks, to, from, reason);
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of a change")]
    fn publish_for(
        &self,
        entries: &mut Entries,
        place: &PlaceId,
        kind: ChangeKind,
        bricks: Vec<String>,
        to: Option<Arc<Version>>,
        from: Option<Digest>,
        reason: Option<String>,
    ) {
        let revision = self.show(entries);
        let change = Change { revision, kind, place: place.clone(), bricks, to, from, reason };
        // It fails when nobody listens, which is fine.
        let _ = self.changes.send(Arc::new(change));
    }

    /// Makes the new picture of all places visible.
    fn show(&self, entries: &mut Entries) -> u64 {
        entries.revision += 1;
        let mut places: Vec<_> = entries.places.values().map(|entry| entry.place.clone()).collect();
        places.sort_by_key(|place| {
            (!place::is_dev(&place.path), self.root_of(&place.path), place.path.clone())
        });
        self.snapshot.store(Arc::new(Snapshot { revision: entries.revision, places }));
        entries.revision
    }

    fn root_of(&self, path: &Path) -> usize {
        self.roots.iter().position(|root| path.parent() == Some(root)).unwrap_or(usize::MAX)
    }

    /// A version crashed too often: the one before serves again, or none.
    fn set_aside(self: &Arc<Self>, version: &Version, error: &RunError) {
        let reason =
            format!("It crashed {CRASHES_TO_QUARANTINE} times in a row, the last time because: {error}");
        let (path, fallback) = {
            let mut entries = self.lock();
            let Ok((path, entry)) = entries.find(version.place().as_str()) else { return };
            let serving = entry.place.serving.clone();
            if serving.as_ref().is_none_or(|serving| serving.digest() != version.digest()) {
                return;
            }
            let fallback = entry.place.kept.iter().find(|kept| !kept.is_quarantined()).cloned();
            let (path, id) = (path.to_owned(), entry.place.id.clone());
            if let (None, Some(serving)) = (&fallback, serving) {
                let (to, reason) = (Some(serving.clone()), Some(reason.clone()));
                self.publish(&mut entries, &id, ChangeKind::Quarantined, to, None, reason);
                self.put_on_shelf(path.clone(), serving);
            }
            (path, fallback)
        };
        let Some(fallback) = fallback else { return };
        let shared = self.clone();
        tokio::spawn(async move {
            shared.take_over(&path, fallback, ChangeKind::RolledBack, None, Some(reason)).await;
        });
    }

    fn keep_tape(&self, brick: &str, tape: Option<Tape>) {
        let mut tapes = self.tapes.lock().unwrap_or_else(PoisonError::into_inner);
        match tape {
            Some(tape) => tapes.insert(brick.to_owned(), Arc::new(tape)),
            None => tapes.remove(brick),
        };
    }

    fn tape_of(&self, brick: &str) -> Option<Arc<Tape>> {
        self.tapes.lock().unwrap_or_else(PoisonError::into_inner).get(brick).cloned()
    }

    async fn state_of(&self, brick: &str) -> Option<SavedState> {
        let (steward, brick) = (self.steward.clone(), brick.to_owned());
        tokio::task::spawn_blocking(move || steward.state(&brick)).await.ok().flatten()
    }

    async fn keep_memory(&self, brick: &str, memory: Memory) -> Result<(), RunError> {
        let state = match memory {
            Memory::None => return Ok(()),
            Memory::Keep(state) => Some(state),
            Memory::Forget => None,
        };
        let (steward, id) = (self.steward.clone(), brick.to_owned());
        let kept = tokio::task::spawn_blocking(move || steward.keep_state(&id, state.as_ref())).await;
        kept.unwrap_or_else(|error| Err(error.to_string()))
            .map_err(|problem| RunError::State { brick: brick.to_owned(), problem })
    }
}
