//! Turns of stateful bricks: two runs of one brick must not both start from the same memory, or one would be lost.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

#[derive(Debug, Default)]
pub(super) struct States(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl States {
    /// Waits until no other run of the brick is under way.
    pub(super) async fn take_turn(&self, brick: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.entry(brick.to_owned()).or_default().clone()
        };
        turn.lock_owned().await
    }
}
