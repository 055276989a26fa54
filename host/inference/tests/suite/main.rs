//! Tests of the inference crate through its public interface.

mod emoji;
mod models;
mod reference;
mod safetensors;
mod schedules;
mod support;
