//! What a brick keeps from run to run. Each run has a fresh sandbox, so the studio keeps it: per brick, at most 1 MiB,
//! also across versions. A component that remembers says so with [`remember!`](crate::remember).

use std::cell::RefCell;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{BrickError, Result};

/// What the studio handed in and what it will be asked to keep.
#[derive(Default)]
struct Memory {
    kept: Option<Vec<u8>>,
    kept_by: Option<String>,
}

thread_local! {
    // A component has one thread and a run of its own sandbox, so this is the memory of the run at hand.
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// What was kept by the last run that kept something. None if nothing was, or the person let the brick forget.
///
/// Fails if it does not have the shape of `T`, which an older version may have kept: read [`kept_by`] first where that
/// can be.
pub fn recall<T: DeserializeOwned>() -> Result<Option<T>> {
    MEMORY.with_borrow(|memory| {
        let Some(kept) = &memory.kept else { return Ok(None) };
        serde_json::from_slice(kept).map(Some).map_err(|error| {
            let version = memory.kept_by.as_deref().unwrap_or("an earlier run");
            BrickError::other(format!("What {version} of this brick remembered can't be read: {error}"))
        })
    })
}

/// The version of the brick that kept what is remembered.
pub fn kept_by() -> Option<String> {
    MEMORY.with_borrow(|memory| memory.kept_by.clone())
}

/// Keeps a value, as JSON, for the runs after this one. If this run fails, all stays as it was before.
pub fn keep(value: &impl Serialize) -> Result<()> {
    let kept = serde_json::to_vec(value)
        .map_err(|error| BrickError::other(format!("This can't be remembered: {error}")))?;
    MEMORY.with_borrow_mut(|memory| memory.kept = Some(kept));
    Ok(())
}

/// Forgets what was kept.
pub fn forget() {
    MEMORY.with_borrow_mut(|memory| *memory = Memory::default());
}

/// What the studio is to keep; the export `save`.
pub fn save() -> Option<Vec<u8>> {
    MEMORY.with_borrow(|memory| memory.kept.clone())
}

/// Takes what `version` of the brick kept; the export `restore`.
pub fn restore(version: String, blob: Vec<u8>) {
    MEMORY.replace(Memory { kept: Some(blob), kept_by: Some(version) });
}

/// Lets the bricks of this component [`keep`] something: `qpyt_sdk::remember!();` beside `qpyt_sdk::export!`. They are
/// never answered from the cache, and each runs one at a time.
#[macro_export]
macro_rules! remember {
    () => {
        const _: () = {
            struct Component;
            const _: Component = Component;

            impl $crate::bindings::state::exports::qpyt::brick::state::Guest for Component {
                fn save() -> ::core::option::Option<::std::vec::Vec<u8>> {
                    $crate::memory::save()
                }

                fn restore(
                    from_version: ::std::string::String,
                    blob: ::std::vec::Vec<u8>,
                ) -> ::core::result::Result<(), ::std::string::String> {
                    $crate::memory::restore(from_version, blob);
                    ::core::result::Result::Ok(())
                }
            }

            #[cfg(target_arch = "wasm32")]
    $crate::bindings::state::export_state!(Component with_types_in $crate::bindings::state);
        };
    };
}
