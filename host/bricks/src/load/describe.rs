//! Asking a binary what it is, under limits so tight that metadata can neither leak nor hang.

use std::{path::Path, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use wasmtime::{Engine, component::InstancePre};

use super::contract::Exports;
use crate::{
    BrickInfo, Limits, LoadError, RunError,
    brick::{self, Described},
    capability::{Level, Reporter},
    run::{RunFunction, Watch},
    sandbox::State,
};

/// What the texts of all bricks of a binary may take together.
const MAX_ANSWER_BYTES: usize = 8 << 20;

fn limits(memory_bytes: u64) -> Limits {
    Limits {
        memory_bytes,
        cpu: Duration::from_millis(50),
        wall: Duration::from_secs(5),
        handles: 64,
        log_lines: 20,
        ..Limits::default()
    }
}

/// Calls `describe` in a sandbox of its own, without any host, and checks what it says. Also checks that `run` has
/// the contract's type.
pub(super) async fn ask(
    engine: &Engine,
    component: &InstancePre<State>,
    exports: Exports,
    memory_bytes: u64,
    path: &Path,
) -> Result<Vec<BrickInfo>, LoadError> {
    let reporter = Arc::new(LoadReporter { path: path.display().to_string() });
    let limits = limits(memory_bytes);
    let mut store = State::without_host(reporter, limits, 0, CancellationToken::new()).into_store(engine);
    store.set_hostcall_fuel(MAX_ANSWER_BYTES);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let watch = Watch::over(store.data(), &name);
    let call = async {
        let instance = component.instantiate_async(&mut store).await?;
        RunFunction::new(&instance, &mut store, exports.run)?;
        let describe = instance.get_typed_func::<(), (Vec<Described>,)>(&mut store, exports.describe)?;
        let (described,) = describe.call_async(&mut store, ()).await?;
        Ok(described)
    };
    let described =
        watch.drive(call).await.map_err(|error| LoadError::Describe { problem: problem(error) })?;
    brick::check(described).map_err(|problem| LoadError::Info { problem })
}

/// The limits here are not the ones in `qpyt.toml`, so their messages would mislead.
fn problem(error: RunError) -> String {
    match error {
        RunError::CpuBudget { limit, .. } => format!("it computed for more than {} ms", limit.as_millis()),
        RunError::DeadlineExceeded { limit, .. } => format!("it was not done after {} s", limit.as_secs()),
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
