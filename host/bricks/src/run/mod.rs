//! One run of a brick: a fresh sandbox, its inputs, the call under watch, its outputs.

mod hooks;
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

use tokio::sync::SemaphorePermit;
use tokio_util::sync::CancellationToken;
use wasmtime::component::InstancePre;

pub use self::hooks::{MAX_STATE_BYTES, Memory, SavedState};
pub(crate) use self::{hooks::Hooks, watch::Watch, wire::RunFunction};
use crate::{
    BrickInfo, Digest, Limits, Manifest, NamedValue, RunError,
    capability::Host,
    load::{Shared, contract::Exports},
    package::PublisherKey,
    sandbox::State,
};

/// A loaded binary with one brick or several. Keeps what it needs to run, so an old version can finish its runs
/// while a new one serves.
pub struct Binary {
    pub(crate) shared: Arc<Shared>,
    pub(crate) digest: Digest,
    pub(crate) manifest: Manifest,
    pub(crate) signed_by: Option<PublisherKey>,
    pub(crate) bricks: Vec<BrickInfo>,
    pub(crate) path: PathBuf,
    pub(crate) component: InstancePre<State>,
    pub(crate) exports: Exports,
    pub(crate) run: RunFunction,
    /// How many of the pool's places a run takes.
    pub(crate) places: u32,
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
    /// What a stateful brick saved after its last run.
    pub state: Option<SavedState>,
    /// Limits of this run; none: those of the runtime.
    pub limits: Option<Limits>,
    /// Tells the brick to stop, and stops it 100 ms later, whatever it is doing.
    pub cancel: CancellationToken,
    /// What the studio does for this run.
    pub host: Arc<dyn Host>,
}

/// What a run gave.
#[derive(Debug, Clone, PartialEq)]
pub struct RunOutcome {
    /// Values of the brick's outputs, checked against what it described.
    pub outputs: Vec<NamedValue>,
    /// What a stateful brick wants to remember.
    pub memory: Memory,
    /// What it took.
    pub usage: Usage,
}

/// What a run took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Computing time of the brick, in ticks of up to 10 ms.
    pub cpu: Duration,
    /// Time from start to end.
    pub wall: Duration,
    /// The most bytes that counted against the memory limit at once.
    pub peak_memory: u64,
    /// Bytes of pixels, tensors and picture files that were copied between host and brick.
    pub bytes_copied: u64,
    /// Handles that the brick had not let go of when it returned. The runtime took them back.
    pub open_handles: usize,
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binary({} {})", self.path.display(), self.digest)
    }
}

impl Binary {
    /// Digest of the component's bytes, without a package section.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What its `brick.toml` says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The key that signed it, if it came as a signed package.
    pub fn signed_by(&self) -> Option<&PublisherKey> {
        self.signed_by.as_ref()
    }

    /// The bricks in it, at least one.
    pub fn bricks(&self) -> &[BrickInfo] {
        &self.bricks
    }

    /// True if results depend on nothing but inputs, parameters and seed; they may be cached for ever.
    pub fn is_pure(&self) -> bool {
        self.manifest.is_pure() && !self.is_stateful()
    }

    /// True if it asks for inference and so belongs in the accelerator's lane.
    pub fn is_heavy(&self) -> bool {
        self.manifest.is_heavy()
    }

    /// Bytes of its compiled copy in memory, shared by all its runs.
    pub fn compiled_bytes(&self) -> usize {
        let code = self.component.component().image_range();
        code.end.addr().saturating_sub(code.start.addr())
    }

    /// The folder or file it was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs one of the bricks in a fresh sandbox. Dropping the future stops the run.
    ///
    /// # Errors
    /// [`RunError`]; limits name themselves and where they are set.
    pub async fn run(&self, request: RunRequest) -> Result<RunOutcome, RunError> {
        self.run_metered(request).await.0
    }

    /// Like [`run`](Self::run), and tells what the run took even if it failed.
    pub async fn run_metered(&self, request: RunRequest) -> (Result<RunOutcome, RunError>, Usage) {
        let cancel = request.cancel.clone();
        let mut usage = Usage::default();
        let result = self.run_to_end(request, &mut usage).await;
        // Whatever a run that was told to stop gave or failed of in its last moments, nobody waits for it.
        if cancel.is_cancelled() {
            return (Err(RunError::Cancelled), usage);
        }
        (result, usage)
    }

    async fn run_to_end(&self, request: RunRequest, usage: &mut Usage) -> Result<RunOutcome, RunError> {
        let start = Instant::now();
        let RunRequest { brick: id, inputs, params, seed, state: saved, limits, cancel, host } = request;
        let brick = self.brick(&id)?;
        inputs::check(brick, &inputs, &params)?;
        let params = params.to_string();
        let _turn = self.turn(&id, &cancel).await?;

        let limits = limits.unwrap_or(self.shared.limits);
        let ledger = self.shared.ledger.clone();
        let mut store = State::new(host, limits, seed, cancel, ledger).into_store(&self.shared.engine);
        let watch = Watch::over(store.data(), &id);
        let call = async {
            let inputs = inputs::lower(store.data_mut(), inputs)?;
            let instance = self.component.instantiate_async(&mut store).await?;
            let hooks = Hooks::of(&instance, &mut store, self.exports)?;
            if let (Some(hooks), Some(saved)) = (&hooks, &saved)
                && let Err(problem) = hooks.restore(&mut store, saved).await?
            {
                return Ok(Called::StateProblem(problem));
            }
            let outputs = match self.run.call(&mut store, &instance, &id, &inputs, &params).await? {
                Ok(outputs) => outputs,
                Err(error) => return Ok(Called::Failed(error)),
            };
            Ok(match hooks {
                None => Called::Done(outputs, Memory::None),
                Some(hooks) => match hooks.save(&mut store).await? {
                    Ok(None) => Called::Done(outputs, Memory::Forget),
                    Ok(Some(blob)) => Called::Done(outputs, Memory::Keep(saved_state(brick, blob))),
                    Err(problem) => Called::StateProblem(problem),
                },
            })
        };
        let called = watch.drive(call).await;
        let state = store.data_mut();
        let result = called.and_then(|called| outcome(state, brick, called));
        *usage = Usage {
            cpu: state.cpu.used(),
            wall: start.elapsed(),
            peak_memory: state.budget.peak(),
            bytes_copied: state.bytes_copied,
            open_handles: state.take_back(),
        };
        let (outputs, memory) = result?;
        Ok(RunOutcome { outputs, memory, usage: *usage })
    }

    fn brick(&self, id: &str) -> Result<&BrickInfo, RunError> {
        let found = self.bricks.iter().find(|brick| brick.id == id);
        found.ok_or_else(|| RunError::UnknownBrick { brick: id.to_owned() })
    }

    /// Waits until a sandbox is free.
    async fn turn(&self, brick: &str, cancel: &CancellationToken) -> Result<SemaphorePermit<'_>, RunError> {
        // A run that never has to wait still lets others have their turn now and then.
        tokio::task::coop::consume_budget().await;
        if cancel.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        if let Ok(turn) = self.shared.runs.try_acquire_many(self.places) {
            return Ok(turn);
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(RunError::Cancelled),
            turn = self.shared.runs.acquire_many(self.places) => turn.map_err(|error| RunError::Sandbox {
                brick: brick.to_owned(),
                problem: error.to_string(),
            }),
        }
    }
}

/// How a call came back from the brick.
enum Called {
    Done(Vec<wire::WireNamed>, Memory),
    Failed(wire::BrickError),
    StateProblem(String),
}

fn saved_state(brick: &BrickInfo, blob: Vec<u8>) -> SavedState {
    SavedState { version: brick.version.clone(), blob: blob.into() }
}

fn outcome(
    state: &mut State,
    brick: &BrickInfo,
    called: Called,
) -> Result<(Vec<NamedValue>, Memory), RunError> {
    match called {
        Called::Done(outputs, memory) => Ok((outputs::lift(state, brick, outputs)?, memory)),
        Called::Failed(error) => Err(outcome::brick_error(&brick.id, error, state.last_refusal.take())),
        Called::StateProblem(problem) => {
            Err(RunError::State { brick: brick.id.clone(), problem: outcome::short(problem) })
        }
    }
}
