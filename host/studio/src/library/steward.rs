//! What the studio does for the registry of bricks: publishers, permissions across versions, and what bricks remember.

use std::sync::Arc;

use qpyt_bricks::registry::Steward;
use qpyt_bricks::{Binary, SavedState};

use crate::store::{Remembered, Store};

/// The registry's hand on the store.
pub(super) struct StudioSteward {
    store: Arc<Store>,
}

impl StudioSteward {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }
}

impl Steward for StudioSteward {
    /// A signed brick is from who signed the first one under that name.
    fn admit(&self, candidate: &Binary) -> Result<(), String> {
        let (Some(publisher), Some(key)) = (&candidate.manifest().publisher, candidate.signed_by()) else {
            return Ok(());
        };
        match self.store.remember_publisher(publisher, &key.to_string()) {
            Ok(Remembered::New | Remembered::Known) => Ok(()),
            Ok(Remembered::OtherKey(known)) => Err(format!(
                "It says that it is from {publisher}, but it is signed with {key}, and {publisher}'s bricks so far were signed with {known}. Ask {publisher} which is right, and remove the file."
            )),
            Err(error) => {
                Err(format!("The key of {publisher} can't be compared with the known one: {error}"))
            }
        }
    }

    /// What the person allowed a brick stays allowed across its versions, as far as the new one may use it at all and
    /// comes from the same hand. Whatever it wants beyond that is asked for.
    fn hand_over(&self, from: &Binary, to: &Binary) {
        if from.signed_by().is_some() && from.signed_by() != to.signed_by() {
            return;
        }
        for brick in to.bricks() {
            let carried =
                self.store.carry_grants(&brick.id, *from.digest(), *to.digest(), &to.manifest().uses);
            if let Err(error) = carried {
                tracing::error!(%error, brick = brick.id, "permissions were not carried to the new version");
            }
        }
    }

    fn state(&self, brick: &str) -> Option<SavedState> {
        let state = self.store.brick_state(brick);
        state.unwrap_or_else(|error| {
            tracing::error!(%error, brick, "what the brick remembers can't be read");
            None
        })
    }

    fn keep_state(&self, brick: &str, state: Option<&SavedState>) -> Result<(), String> {
        self.store.keep_brick_state(brick, state).map(drop).map_err(|error| error.to_string())
    }
}
