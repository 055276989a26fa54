//! Whose turn it is: of each brick a page has one preview at a time, the newest, and few are made at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use qpyt_bricks::CancellationToken;
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

/// Previews that are made at the same time, so that jobs have processors left.
const AT_ONCE: usize = 2;

/// A page, and the brick instance that it looks at.
pub(super) type Viewer = (Uuid, String);

/// Who has a preview under way.
pub(super) struct Turns {
    under_way: Arc<Mutex<UnderWay>>,
    places: Semaphore,
}

#[derive(Default)]
struct UnderWay {
    newest: HashMap<Viewer, (u64, CancellationToken)>,
    count: u64,
}

/// A preview under way. It ends when it is dropped.
pub(super) struct Turn {
    viewer: Viewer,
    number: u64,
    cancel: CancellationToken,
    under_way: Arc<Mutex<UnderWay>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { under_way: Arc::default(), places: Semaphore::new(AT_ONCE) }
    }
}

impl Turns {
    /// Begins a preview and ends the one that this viewer had.
    pub(super) fn take(&self, viewer: Viewer) -> Turn {
        let cancel = CancellationToken::new();
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.count += 1;
        let number = under_way.count;
        if let Some((_, older)) = under_way.newest.insert(viewer.clone(), (number, cancel.clone())) {
            older.cancel();
        }
        Turn { viewer, number, cancel, under_way: self.under_way.clone() }
    }

    /// Waits until few enough others are made; none if a newer preview came before.
    pub(super) async fn place(&self, turn: &Turn) -> Option<SemaphorePermit<'_>> {
        tokio::select! {
            biased;
            () = turn.cancel.cancelled() => None,
            place = self.places.acquire() => place.ok(),
        }
    }
}

impl Turn {
    /// Told when a newer preview takes its place.
    pub(super) fn cancel(&self) -> CancellationToken {
        self.cancel.clone()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.cancel.cancel();
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.newest.get(&self.viewer).is_some_and(|(number, _)| *number == self.number) {
            under_way.newest.remove(&self.viewer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_newer_preview_ends_the_older_one_of_its_page_and_brick_only() {
        let turns = Turns::default();
        let page = Uuid::new_v4();
        let [first, other_brick, other_page] = [(page, "a"), (page, "b"), (Uuid::new_v4(), "a")]
            .map(|(page, brick)| turns.take((page, brick.to_owned())));
        let second = turns.take((page, "a".to_owned()));
        assert!(first.cancel().is_cancelled() && turns.place(&first).await.is_none());
        assert!(![&other_brick, &other_page, &second].iter().any(|turn| turn.cancel().is_cancelled()));
        drop((first, other_brick, other_page));
        assert!(turns.place(&second).await.is_some());
        drop(second);
        assert!(turns.under_way.lock().unwrap().newest.is_empty());
    }
}
