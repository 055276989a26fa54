//! Asking a binary what it is, under limits so tight that metadata can neither leak nor hang.

use std::{path::Path, sync::Arc, time::Duration};

use wasmtime::{Store, component::InstancePre};

use super::{Shared, contract::Exports};
use crate::{
    BrickInfo, Limits, LoadError, RunError,
    brick::{self, Described},
    capability::{Level, Reporter},
    run::{Hooks, RunFunction, Watch},
    sandbox::State,
};

/// What the texts of all bricks of a binary may take together.
const MAX_ANSWER_BYTES: u64 = 8 << 20;

fn limits(memory_bytes: u64) -> Limits {
    Limits {
        memory_bytes,
        cpu: Duration::from_millis(50),
        wall: Duration::from_secs(5),
        handles: 64,
        hostcall_bytes: MAX_ANSWER_BYTES,
        log_lines: 20,
        ..Limits::default()
    }
}

/// Calls `describe` in a sandbox of its own, without any host, and checks what it says. Also checks that the other
/// exports have the contract's types.
pub(super) async fn ask(
    shared: &Shared,
    component: &InstancePre<State>,
    exports: Exports,
    path: &Path,
) -> Result<(Vec<BrickInfo>, RunFunction), LoadError> {
    let mut store = quiet_store(shared, path);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let watch = Watch::over(store.data(), &name);
    let call = async {
        let instance = component.instantiate_async(&mut store).await?;
        let run = RunFunction::check(&instance, &mut store, exports.run)?;
        Hooks::check(&instance, &mut store, exports)?;
        let describe = instance.get_typed_func::<(), (Vec<Described>,)>(&mut store, exports.describe)?;
        let (described,) = describe.call_async(&mut store, ()).await?;
        Ok((described, run))
    };
    let (described, run) =
        watch.drive(call).await.map_err(|error| LoadError::Describe { problem: problem(error) })?;
    let bricks = brick::check(described).map_err(|problem| LoadError::Info { problem })?;
    Ok((bricks, run))
}

/// A store for what must be pure and fast: nothing but the log is behind its imports.
pub(crate) fn quiet_store(shared: &Shared, path: &Path) -> Store<State> {
    let reporter = Arc::new(LoadReporter { path: path.display().to_string() });
    let limits = limits(shared.limits.memory_bytes);
    State::without_host(reporter, limits, shared.ledger.clone()).into_store(&shared.engine)
}

/// The limits here are not the ones in `qpyt.toml`, so their messages would mislead.
pub(crate) fn problem(error: RunError) -> String {
    match error {
        RunError::CpuBudget { limit, .. } => format!("it computed for more than {} ms", limit.as_millis()),
        RunError::DeadlineExceeded { limit, .. } => format!("it was not done after {} s", limit.as_secs()),
        RunError::TooMuchAtOnce { limit, .. } => format!("it answered with more than {} MiB", limit >> 20),
        RunError::OutOfMemory { limit, .. } => format!("it needs more than {} MiB of memory", limit >> 20),
        RunError::Trapped { reason, .. } => reason,
        other => other.to_string(),
    }
}

/// What a brick logs while it is loaded goes to the program's log.
struct LoadReporter {
    path: String,
}

impl Reporter for LoadReporter {
    fn log(&self, level: Level, message: &str) {
        tracing::debug!("{} while loading, {level:?}: {message}", self.path);
    }

    fn progress(&self, _fraction: f32, _note: &str) {}
}
