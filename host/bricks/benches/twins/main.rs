//! What the runtime costs, each figure beside its twin: bare wasmtime with the same engine, the same component and
//! nothing of ours. Twins take turns in one run, so that a busy machine slows both.
//!
//! `cargo bench --bench twins` prints the table; `-- --quick` measures less.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench that can't measure stops"
)]
#![allow(
    dead_code,
    reason = "the engine's settings and the fake studio are shared with the crate and its tests"
)]

mod bare;
#[path = "../../../../tests/support/fixtures.rs"]
mod built;
mod calls;
/// The crate's own engine, so that both twins have exactly the same.
#[path = "../../src/sandbox/engine.rs"]
mod engine;
#[path = "../../tests/runtime/host.rs"]
mod host;
mod loading;
mod stopping;
mod swaps;
mod table;

use std::path::{Path, PathBuf};

use qpyt_bricks::{Limits, Runtime, RuntimeError, RuntimeOptions};

use self::table::Table;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == loading::CHILD) {
        loading::measure_memory(Path::new(&arguments[at + 1]));
        return;
    }
    let scale = if arguments.iter().any(|argument| argument == "--quick") { 10 } else { 1 };
    let mut table = Table::default();
    // One thread, as one brick has; loads and pictures use others.
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio.block_on(calls::measure(&mut table, scale));
    tokio.block_on(stopping::measure(&mut table, scale));
    tokio.block_on(loading::measure(&mut table, scale));
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    tokio.block_on(swaps::measure(&mut table, scale));
    table.print();
}

/// A folder for compiled copies that stays from run to run.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-compiled")
}

fn runtime(cache_folder: &Path) -> Runtime {
    Runtime::new(RuntimeOptions { cache_folder: cache_folder.to_owned(), limits: Limits::default() }).unwrap()
}
