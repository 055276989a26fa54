//! Builds the fixtures once and puts each into a brick folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
};

use qpyt_bricks::{
    Binary, CancellationToken, Limits, NamedValue, RunError, RunOutcome, RunRequest, Runtime, RuntimeOptions,
    Value,
};
use tokio::sync::OnceCell;

use crate::host::FakeHost;

/// The folder of a fixture: its `brick.toml` and its component.
pub fn folder(name: &str) -> PathBuf {
    static FOLDERS: OnceLock<PathBuf> = OnceLock::new();
    let folders = FOLDERS.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
        build(&source);
        install(&source)
    });
    folders.join(name)
}

fn build(source: &Path) {
    // Cargo's own lock makes test programs that run at the same time take turns.
    let output = Command::new(env!("CARGO"))
        .args(["build", "--release", "--target", "wasm32-wasip2", "--quiet"])
        .current_dir(source)
        .env("CARGO_TARGET_DIR", source.join("target"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the fixtures in {} do not build. If the target is missing, add it: rustup target add wasm32-wasip2\n{errors}",
        source.display()
    );
}

fn install(source: &Path) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures");
    for entry in fs::read_dir(source.join("bricks")).unwrap() {
        let brick = entry.unwrap();
        let folder = target.join(brick.file_name());
        fs::create_dir_all(&folder).unwrap();
        let wasm = format!("{}.wasm", brick.file_name().to_str().unwrap().replace('-', "_"));
        let built = source.join("target/wasm32-wasip2/release").join(&wasm);
        fs::copy(built, folder.join(&wasm)).unwrap();
        fs::copy(brick.path().join("brick.toml"), folder.join("brick.toml")).unwrap();
    }
    target
}

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

loaded_once!(limits, pictures, capabilities, system, outputs);

/// A run with nothing special about it.
pub fn request(brick: &str, inputs: Vec<Value>, host: &Arc<FakeHost>) -> RunRequest {
    let inputs = inputs.into_iter().map(|value| NamedValue { port: "in".to_owned(), value });
    RunRequest {
        brick: brick.to_owned(),
        inputs: inputs.collect(),
        params: serde_json::json!({}),
        seed: 7,
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
