//! One run of a brick: a fresh sandbox, its inputs, the call under watch, its outputs.

mod inputs;
mod outcome;
mod outputs;
mod watch;
mod wire;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use wasmtime::component::{ComponentExportIndex, InstancePre};

pub(crate) use self::{watch::Watch, wire::RunFunction};
use crate::{
    BrickInfo, Digest, Limits, Manifest, NamedValue, RunError, capability::Host, load::Shared, sandbox::State,
};

/// A loaded binary with one brick or several. Keeps what it needs to run, so an old version can finish its runs
/// while a new one serves.
pub struct Binary {
    pub(crate) shared: Arc<Shared>,
    pub(crate) digest: Digest,
    pub(crate) manifest: Manifest,
    pub(crate) bricks: Vec<BrickInfo>,
    pub(crate) path: PathBuf,
    pub(crate) component: InstancePre<State>,
    pub(crate) run: ComponentExportIndex,
}

/// What to run, with what, for whom.
pub struct RunRequest {
    /// Id of one of the binary's bricks.
    pub brick: String,
    /// Values for its inputs. A port that takes many appears once per value.
    pub inputs: Vec<NamedValue>,
    /// Parameters: a JSON object, already checked against the brick's schema, with defaults filled in.
    pub params: serde_json::Value,
    /// For the brick's own random choices.
    pub seed: u64,
    /// Limits of this run; none: those of the runtime.
    pub limits: Option<Limits>,
    /// Stops the run, whatever it is doing.
    pub cancel: CancellationToken,
    /// What the studio does for this run.
    pub host: Arc<dyn Host>,
}

/// What a run gave.
#[derive(Debug, Clone, PartialEq)]
pub struct RunOutcome {
    /// Values of the brick's outputs, checked against what it described.
    pub outputs: Vec<NamedValue>,
    /// What it took.
    pub usage: Usage,
}

/// What a run took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Computing time of the brick, in ticks of up to 10 ms.
    pub cpu: Duration,
    /// Time from start to end.
    pub wall: Duration,
    /// The most bytes that counted against the memory limit at once.
    pub peak_memory: u64,
    /// Bytes of pixels, tensors and picture files that were copied between host and brick.
    pub bytes_copied: u64,
    /// Handles that the brick had not let go of when it returned. They are closed with its sandbox.
    pub open_handles: usize,
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binary({} {})", self.path.display(), self.digest)
    }
}

impl Binary {
    /// Digest of the component's bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What its `brick.toml` says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The bricks in it, at least one.
    pub fn bricks(&self) -> &[BrickInfo] {
        &self.bricks
    }

    /// True if results depend on nothing but inputs, parameters and seed; they may be cached for ever.
    pub fn is_pure(&self) -> bool {
        self.manifest.is_pure()
    }

    /// True if it asks for inference and so belongs in the accelerator's lane.
    pub fn is_heavy(&self) -> bool {
        self.manifest.is_heavy()
    }

    /// The folder it was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs one of the bricks in a fresh sandbox. Dropping the future stops the run.
    ///
    /// # Errors
    /// [`RunError`]; limits name themselves and where they are set.
    pub async fn run(&self, request: RunRequest) -> Result<RunOutcome, RunError> {
        let cancel = request.cancel.clone();
        let result = self.run_to_end(request).await;
        // Whatever a stopped run says it failed of, it failed because it was stopped.
        if result.is_err() && cancel.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        result
    }

    async fn run_to_end(&self, request: RunRequest) -> Result<RunOutcome, RunError> {
        let start = Instant::now();
        let RunRequest { brick: id, inputs, params, seed, limits, cancel, host } = request;
        let brick = self.brick(&id)?;
        inputs::check(brick, &inputs, &params)?;
        let _turn = self.turn(&id, &cancel).await?;

        let limits = limits.unwrap_or_else(|| self.shared.limits.clone());
        let mut store = State::new(host, limits, seed, cancel).into_store(&self.shared.engine);
        let watch = Watch::over(store.data(), &id);
        let call = async {
            let inputs = inputs::lower(store.data_mut(), inputs)?;
            let instance = self.component.instantiate_async(&mut store).await?;
            let run = RunFunction::new(&instance, &mut store, self.run)?;
            run.call(&mut store, &id, inputs, &params).await
        };
        let result = watch.drive(call).await?;
        let state = store.data_mut();
        let outputs = match result {
            Ok(outputs) => outputs::lift(state, brick, outputs)?,
            Err(error) => return Err(outcome::brick_error(&id, error, state.last_refusal.take())),
        };
        let usage = Usage {
            cpu: state.cpu.used(),
            wall: start.elapsed(),
            peak_memory: state.budget.peak(),
            bytes_copied: state.bytes_copied,
            open_handles: state.open_handles(),
        };
        Ok(RunOutcome { outputs, usage })
    }

    fn brick(&self, id: &str) -> Result<&BrickInfo, RunError> {
        let found = self.bricks.iter().find(|brick| brick.id == id);
        found.ok_or_else(|| RunError::UnknownBrick { brick: id.to_owned() })
    }

    /// Waits until a sandbox is free.
    async fn turn(
        &self,
        brick: &str,
        cancel: &CancellationToken,
    ) -> Result<tokio::sync::SemaphorePermit<'_>, RunError> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(RunError::Cancelled),
            turn = self.shared.runs.acquire() => turn.map_err(|error| RunError::Sandbox {
                brick: brick.to_owned(),
                problem: error.to_string(),
            }),
        }
    }
}
