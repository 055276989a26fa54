//! The way of a candidate from the disk to serving: load, admit, trial run, swap.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    ChangeKind, Entry, PlaceId, Refusal, RefusalKind, Shared, Version,
    canary::{self, Setting, Trial},
    place,
    shelf::{KeptVersion, Record},
};
use crate::{Binary, BrickInfo, LoadError};

/// What the first look at a place found.
struct Opened {
    path: PathBuf,
    signature: Option<place::Signature>,
    record: Record,
    loaded: Result<Arc<Binary>, LoadError>,
    /// The version from the shelf that serves instead of the one in the file.
    fallback: Option<Arc<Binary>>,
}

impl Shared {
    /// Loads all places, several at a time.
    pub(super) async fn open_all(self: &Arc<Self>) {
        let shared = self.clone();
        let paths = tokio::task::spawn_blocking(move || place::scan(&shared.roots)).await.unwrap_or_default();
        let turns = Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from)));
        let mut tasks = JoinSet::new();
        for (order, path) in paths.into_iter().enumerate() {
            let (shared, turns) = (self.clone(), turns.clone());
            tasks.spawn(async move {
                let _turn = turns.acquire_owned().await;
                (order, shared.open_one(path).await)
            });
        }
        let mut opened = tasks.join_all().await;
        opened.sort_by_key(|(order, _)| *order);
        for (_, opened) in opened {
            self.enter(opened);
        }
        let mut entries = self.lock();
        self.show(&mut entries);
    }

    async fn open_one(&self, path: PathBuf) -> Opened {
        let signature = place::signature(&path);
        let record = self.shelf.record(&PlaceId::of(&path));
        let loaded = self.runtime.load(&path).await;
        let wanted = match &loaded {
            Ok(binary) if record.in_file == Some(*binary.digest()) => record.selected,
            Ok(_) => None,
            Err(_) => record.versions.first().map(|version| version.digest),
        };
        let fallback = match wanted {
            Some(digest) => self.runtime.load(&self.shelf.version(&PlaceId::of(&path), &digest)).await.ok(),
            None => None,
        };
        Opened { path, signature, record, loaded, fallback }
    }

    /// Enters what the first look found.
    fn enter(self: &Arc<Self>, opened: Opened) {
        let Opened { path, signature, record, loaded, fallback } = opened;
        let mut entry = Entry { signature, ..Entry::new(&path) };
        let id = entry.place.id.clone();
        let version_of =
            |binary: Arc<Binary>| match record.versions.iter().find(|kept| kept.digest == *binary.digest()) {
                Some(kept) => self.kept_version(binary, &id, kept),
                None => Version::new(binary, id.clone(), SystemTime::now(), Arc::downgrade(self)),
            };
        let loaded = loaded.map_err(|error| (RefusalKind::Load, error.to_string(), None));
        let admitted = loaded.map(version_of).and_then(|version| {
            entry.in_file = Some(version.digest());
            match self.objection(&path, version.binary()) {
                Some((kind, message)) => Err((kind, message, Some(version))),
                None => Ok(version),
            }
        });
        match admitted {
            Ok(version) => {
                entry.keep(&version);
                entry.place.serving = Some(version);
            }
            Err((kind, message, candidate)) => {
                entry.place.refusal = Some(refusal(kind, message, candidate));
            }
        }
        if let Some(fallback) = fallback.map(version_of)
            && self.objection(&path, fallback.binary()).is_none()
        {
            entry.place.selected = entry.place.serving.is_some();
            if !entry.place.kept.iter().any(|kept| kept.digest() == fallback.digest()) {
                entry.place.kept.push(fallback.clone());
            }
            entry.place.serving = Some(fallback);
        }
        if let Some(complaint) = place::build_error(&path) {
            entry.place.refusal = Some(refusal(RefusalKind::Build, complaint, None));
        }
        let newest_kept = record.versions.first().map(|kept| kept.digest);
        let to_copy = entry
            .place
            .serving
            .clone()
            .filter(|serving| !entry.place.selected && newest_kept != Some(serving.digest()));
        entry.unloaded = record.versions.clone();
        entry.unloaded.retain(|old| !entry.place.kept.iter().any(|kept| kept.digest() == old.digest));
        self.lock().places.insert(path.clone(), entry);
        if let Some(version) = to_copy {
            self.put_on_shelf(path, version);
        }
    }

    /// Loads the versions that are kept on the shelf besides those that serve.
    pub(super) async fn load_kept(self: &Arc<Self>) {
        let paths: Vec<PathBuf> = self.lock().places.keys().cloned().collect();
        for path in paths {
            let id = PlaceId::of(&path);
            let unloaded = self.lock().places.get(&path).map(|entry| entry.unloaded.clone());
            for kept in unloaded.unwrap_or_default() {
                let loaded = self.runtime.load(&self.shelf.version(&id, &kept.digest)).await;
                let mut entries = self.lock();
                let Some(entry) = entries.places.get_mut(&path) else { break };
                entry.unloaded.retain(|waiting| *waiting != kept);
                let is_right = |binary: &Arc<Binary>| *binary.digest() == kept.digest;
                if let Some(binary) = loaded.ok().filter(is_right)
                    && entry.place.kept.len() < super::KEPT_VERSIONS
                {
                    entry.place.kept.push(self.kept_version(binary, &id, &kept));
                    self.show(&mut entries);
                }
            }
        }
    }

    fn kept_version(self: &Arc<Self>, binary: Arc<Binary>, id: &PlaceId, kept: &KeptVersion) -> Arc<Version> {
        let version = Version::new(binary, id.clone(), kept.loaded_at(), Arc::downgrade(self));
        if kept.quarantined {
            version.set_aside();
        }
        version
    }

    /// Notes the places that were written since they were last looked at.
    pub(super) fn look_around(&self) {
        let mut paths = place::scan(&self.roots);
        paths.extend(self.lock().places.keys().cloned());
        paths.sort();
        paths.dedup();
        for path in paths {
            let signature = place::signature(&path);
            let known = self.lock().places.get(&path).map(|entry| entry.signature.clone());
            if known != Some(signature.clone()) && (known.is_some() || signature.is_some()) {
                self.news.of(path);
            }
        }
    }

    /// Looks at a place that may have changed, and does what follows from it.
    pub(super) async fn look_at(self: &Arc<Self>, path: &Path) {
        let signature = place::signature(path);
        let look = {
            let mut entries = self.lock();
            if signature.is_none() {
                self.remove(&mut entries, path);
                return;
            }
            let entry = entries.places.entry(path.to_owned()).or_insert_with(|| Entry::new(path));
            if entry.signature == signature && entry.looks > 0 {
                return;
            }
            entry.signature = signature;
            entry.looks += 1;
            entry.looks
        };
        let complaint = place::build_error(path);
        match self.runtime.load(path).await {
            Ok(binary) => self.consider(path, look, binary).await,
            Err(_) if complaint.is_some() => {}
            Err(error) => self.refuse(path, look, RefusalKind::Load, error.to_string(), None),
        }
        if let Some(complaint) = complaint {
            self.refuse(path, look, RefusalKind::Build, complaint, None);
        }
    }

    async fn consider(self: &Arc<Self>, path: &Path, look: u64, binary: Arc<Binary>) {
        let (serving, kept) = {
            let mut entries = self.lock();
            let Some(entry) = entries.places.get_mut(path) else { return };
            let kept = entry.place.kept.iter().find(|kept| is_same(kept.binary(), &binary)).cloned();
            (entry.place.serving.clone(), kept)
        };
        if let Some(serving) = serving.as_ref().filter(|serving| is_same(serving.binary(), &binary)) {
            self.settle(path, serving);
            return;
        }
        let (checker, place, candidate) = (self.clone(), path.to_owned(), binary.clone());
        let objection = tokio::task::spawn_blocking(move || checker.objection(&place, &candidate)).await;
        let known_good = kept.filter(|kept| !kept.is_quarantined());
        let is_known = known_good.is_some();
        let version = known_good.unwrap_or_else(|| {
            Version::new(binary, PlaceId::of(path), SystemTime::now(), Arc::downgrade(self))
        });
        let objection = objection.unwrap_or_else(|error| {
            Some((RefusalKind::Load, format!("It could not be checked: {error}. Write its file anew.")))
        });
        if let Some((kind, message)) = objection {
            self.refuse(path, look, kind, message, Some(version));
            return;
        }
        if let (Some(serving), false) = (&serving, is_known)
            && let Err(message) = self.try_out(serving, &version).await
        {
            self.refuse(path, look, RefusalKind::Canary, message, Some(version));
            return;
        }
        self.take_over(path, version, ChangeKind::Swapped, Some(look), None).await;
    }

    /// The file is what serves already; a refusal of something in between is over.
    fn settle(&self, path: &Path, serving: &Arc<Version>) {
        let mut entries = self.lock();
        let Some(entry) = entries.places.get_mut(path) else { return };
        entry.in_file = Some(serving.digest());
        entry.place.selected = false;
        if entry.place.refusal.take().is_some() {
            let id = entry.place.id.clone();
            self.publish(&mut entries, &id, ChangeKind::Settled, Some(serving.clone()), None, None);
        }
    }

    /// Why the binary may not serve at this place. A brick under development may be the namesake of an installed one.
    fn objection(&self, path: &Path, binary: &Binary) -> Option<(RefusalKind, String)> {
        if let Err(message) = self.steward.admit(binary) {
            return Some((RefusalKind::Publisher, message));
        }
        let served: HashMap<_, _> = self
            .lock()
            .places
            .iter()
            .filter(|(other, _)| other.as_path() != path && place::is_dev(other) == place::is_dev(path))
            .flat_map(|(other, entry)| {
                let bricks = entry.place.serving.iter().flat_map(|version| version.binary().bricks());
                bricks.map(move |brick| ((brick.id.clone(), brick.version.clone()), other.clone()))
            })
            .collect();
        binary.bricks().iter().find_map(|brick| {
            let other = served.get(&(brick.id.clone(), brick.version.clone()))?.clone();
            let (brick, version) = (brick.id.clone(), brick.version.clone());
            Some((RefusalKind::Load, LoadError::Duplicate { brick, version, other }.to_string()))
        })
    }

    /// Plays the recorded runs to the candidate. The error says what failed.
    async fn try_out(self: &Arc<Self>, serving: &Version, candidate: &Arc<Version>) -> Result<(), String> {
        for brick in candidate.binary().bricks() {
            let before = serving.binary().bricks().iter().find(|before| before.id == brick.id);
            let (Some(before), Some(tape)) = (before, self.tape_of(&brick.id)) else { continue };
            if let Trial::Failed(error) = self.try_out_brick(candidate, brick, before, &tape).await {
                return Err(format!(
                    "The new version failed on what the last good run was given: {error}. The version before goes on."
                ));
            }
        }
        Ok(())
    }

    async fn try_out_brick(
        self: &Arc<Self>,
        candidate: &Arc<Version>,
        brick: &BrickInfo,
        before: &BrickInfo,
        tape: &super::Tape,
    ) -> Trial {
        let state = match candidate.binary().is_stateful() {
            true => self.state_of(&brick.id).await,
            false => None,
        };
        let write_line = candidate.write_line(self, &brick.id, None);
        let limits = self.runtime.limits();
        let setting = Setting { candidate, brick, before, tape, state, limits, write_line };
        let trial = canary::play(setting).await;
        tracing::debug!(brick = brick.id, ?trial, "trial run of a new version");
        trial
    }

    fn refuse(
        &self,
        path: &Path,
        look: u64,
        kind: RefusalKind,
        message: String,
        candidate: Option<Arc<Version>>,
    ) {
        let mut entries = self.lock();
        let Some(entry) = entries.places.get_mut(path).filter(|entry| entry.looks == look) else { return };
        if entry.place.refusal.as_ref().is_some_and(|known| known.kind == kind && known.message == message) {
            return;
        }
        tracing::info!("{}: {message}", path.display());
        let reason = Some(message.clone());
        entry.place.refusal = Some(refusal(kind, message, candidate));
        let (id, serving) = (entry.place.id.clone(), entry.place.serving.clone());
        self.publish(&mut entries, &id, ChangeKind::Refused, serving, None, reason);
    }

    /// The place is gone. Its jobs end on what they hold; a place that was refused because of it gets another look.
    fn remove(&self, entries: &mut super::Entries, path: &Path) {
        let Some(entry) = entries.places.remove(path) else { return };
        let bricks = entry.place.serving.as_ref().map(|version| version.brick_ids()).unwrap_or_default();
        let from = entry.place.serving.as_ref().map(|version| version.digest());
        for (other, refused) in &mut entries.places {
            if refused.place.refusal.as_ref().is_some_and(|refusal| refusal.candidate.is_some()) {
                refused.signature = None;
                self.news.of(other.clone());
            }
        }
        self.publish_for(entries, &entry.place.id, ChangeKind::Removed, bricks, None, from, None);
    }
}

fn refusal(kind: RefusalKind, message: String, candidate: Option<Arc<Version>>) -> Arc<Refusal> {
    Arc::new(Refusal { kind, message, since: SystemTime::now(), candidate })
}

/// The same bytes under the same manifest.
fn is_same(one: &Binary, other: &Binary) -> bool {
    one.digest() == other.digest() && one.manifest() == other.manifest()
}
