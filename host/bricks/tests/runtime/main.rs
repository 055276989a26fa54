//! The runtime against bricks that misbehave (`tests/fixtures`), as real components in real sandboxes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

#[path = "../../../../tests/support/fixtures.rs"]
mod built;
mod capabilities;
mod fixtures;
mod host;
mod hostile;
mod limits;
mod loading;
mod memory;
mod mutation;
mod network;
mod outputs;
mod picture_files;
mod pictures;
mod registry;
mod system;
#[path = "../../../../tests/support/variants.rs"]
mod variants;
