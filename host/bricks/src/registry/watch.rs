//! Notices that files of places changed: by the system's notices, and by looking now and then, since notices get lost
//! (network drives, folders that are made and filled at once).

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::AccessKind, event::AccessMode};
use tokio::sync::Notify;

use super::{Shared, place};

/// How long a place must be quiet before it is loaded: files are often written in several steps.
const SETTLE: Duration = Duration::from_millis(20);

/// How often all places are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Places with news, and when the last of it came.
#[derive(Debug, Default)]
pub(super) struct News {
    pending: Mutex<HashMap<PathBuf, Instant>>,
    arrived: Notify,
}

impl News {
    /// Something happened at the place.
    pub(super) fn of(&self, place: PathBuf) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(place, Instant::now());
        self.arrived.notify_one();
    }

    /// The places that have been quiet for a while, and how long to wait for the next.
    fn settled(&self) -> (Vec<PathBuf>, Option<Duration>) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let age = |at: &Instant| now.saturating_duration_since(*at);
        let settled: Vec<_> =
            pending.iter().filter(|(_, at)| age(at) >= SETTLE).map(|(place, _)| place.clone()).collect();
        for place in &settled {
            pending.remove(place);
        }
        (settled, pending.values().map(|at| SETTLE.saturating_sub(age(at))).min())
    }
}

/// Watches the roots for as long as the registry lives.
pub(super) async fn watch(shared: Arc<Shared>) {
    let mut watcher = Roots::new(&shared);
    let registry = Arc::downgrade(&shared);
    let news = shared.news.clone();
    drop(shared);
    let mut look = tokio::time::interval(LOOK);
    loop {
        let (settled, wait) = news.settled();
        let Some(shared) = registry.upgrade() else { return };
        for place in settled {
            let shared = shared.clone();
            tokio::spawn(async move { shared.look_at(&place).await });
        }
        drop(shared);
        tokio::select! {
            () = news.arrived.notified() => {}
            () = tokio::time::sleep(wait.unwrap_or(LOOK)) => {}
            _ = look.tick() => {
                let Some(shared) = registry.upgrade() else { return };
                watcher.watch_missing(&shared.roots);
                let _ = tokio::task::spawn_blocking(move || shared.look_around()).await;
            }
        }
    }
}

/// The system's notices about the roots.
struct Roots {
    watcher: Option<RecommendedWatcher>,
    watched: Vec<PathBuf>,
}

impl Roots {
    fn new(shared: &Arc<Shared>) -> Self {
        let (news, roots) = (shared.news.clone(), shared.roots.clone());
        let heed = move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if is_news(&event.kind) {
                let places = event.paths.iter().filter_map(|path| place::owner(&roots, path));
                places.for_each(|place| news.of(place));
            }
        };
        let watcher = notify::recommended_watcher(heed)
            .inspect_err(|error| tracing::warn!("no notices of changed bricks, they take {LOOK:?}: {error}"))
            .ok();
        let mut roots = Self { watcher, watched: Vec::new() };
        roots.watch_missing(&shared.roots);
        roots
    }

    /// Watches the roots that were not there before.
    fn watch_missing(&mut self, roots: &[PathBuf]) {
        self.watched.retain(|root| root.is_dir());
        let Some(watcher) = &mut self.watcher else { return };
        for root in roots {
            if !self.watched.contains(root) && root.is_dir() && watch_one(watcher, root) {
                self.watched.push(root.clone());
            }
        }
    }
}

fn watch_one(watcher: &mut RecommendedWatcher, root: &Path) -> bool {
    let watched = watcher.watch(root, RecursiveMode::Recursive);
    watched
        .inspect_err(|error| tracing::warn!("changes in {} take {LOOK:?}: {error}", root.display()))
        .is_ok()
}

/// Reading is no news.
fn is_news(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(access) => *access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}
