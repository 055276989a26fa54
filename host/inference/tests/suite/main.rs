//! Tests of the inference crate through its public interface.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should fail"
)]

mod beam;
mod chat;
mod depth;
mod emoji;
mod engine;
mod families;
mod florence2;
mod gguf;
mod models;
mod pixels;
mod reference;
mod safetensors;
mod schedules;
mod support;
mod translate;
mod upscale;
mod vision;
mod weight_formats;
