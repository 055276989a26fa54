//! Tests of the inference crate through its public interface.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should fail"
)]

mod emoji;
mod models;
mod reference;
mod safetensors;
mod schedules;
mod support;
