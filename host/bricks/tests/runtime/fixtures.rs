//! The fixtures, loaded into one runtime that the tests share.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use qpyt_bricks::{
    Binary, CancellationToken, Limits, NamedValue, RunError, RunOutcome, RunRequest, Runtime, RuntimeOptions,
    Value,
};
use tokio::sync::OnceCell;

pub use crate::built::folder;
use crate::host::FakeHost;

/// The runtime that all tests share; its compiled copies stay from run to run.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| new_runtime(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")))
}

/// A runtime with a folder of its own.
pub fn new_runtime(cache_folder: &Path) -> Runtime {
    Runtime::new(RuntimeOptions { cache_folder: cache_folder.to_owned(), limits: Limits::default() }).unwrap()
}

macro_rules! loaded_once {
    ($($(#[$doc:meta])* $name:ident),*) => {
        $($(#[$doc])* pub async fn $name() -> Arc<Binary> {
            static BINARY: OnceCell<Arc<Binary>> = OnceCell::const_new();
            let load = || async { runtime().load(&folder(stringify!($name))).await.unwrap() };
            BINARY.get_or_init(load).await.clone()
        })*
    };
}

loaded_once!(counter, limits, pictures, capabilities, system, outputs, network);

/// A run with nothing special about it.
pub fn request(brick: &str, inputs: Vec<Value>, host: &Arc<FakeHost>) -> RunRequest {
    let inputs = inputs.into_iter().map(|value| NamedValue { port: "in".to_owned(), value });
    RunRequest {
        brick: brick.to_owned(),
        inputs: inputs.collect(),
        params: serde_json::json!({}),
        seed: 7,
        state: None,
        limits: None,
        cancel: CancellationToken::new(),
        host: host.clone(),
    }
}

/// Runs with changed limits.
pub async fn run_limited(
    binary: &Binary,
    brick: &str,
    inputs: Vec<Value>,
    limits: Limits,
) -> (Arc<FakeHost>, Result<RunOutcome, RunError>) {
    let host = Arc::new(FakeHost::default());
    let result = binary.run(RunRequest { limits: Some(limits), ..request(brick, inputs, &host) }).await;
    (host, result)
}

/// Runs with the usual limits and expects success.
pub async fn run(binary: &Binary, brick: &str, inputs: Vec<Value>) -> RunOutcome {
    let host = Arc::new(FakeHost::default());
    binary.run(request(brick, inputs, &host)).await.unwrap()
}

/// The values of an outcome.
pub fn values(outcome: &RunOutcome) -> Vec<&Value> {
    outcome.outputs.iter().map(|output| &output.value).collect()
}
