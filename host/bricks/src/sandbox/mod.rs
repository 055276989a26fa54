//! The sandbox of one run: a fresh store with its own handles, memory budget, computing time and log.

mod budget;
mod cpu;
pub(crate) mod engine;
mod ledger;
mod log;
mod wasi;

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use wasmtime::{
    Engine, Store, UpdateDeadline,
    component::{Resource, ResourceTable, ResourceTableError},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

pub use self::ledger::Leftovers;
pub(crate) use self::{budget::MemoryBudget, cpu::CpuMeter, ledger::Ledger, log::Log};
use crate::{
    HostError, Limits,
    capability::{Host, Reporter, SecretHandle},
    media::{Canvas, Image, MediaError, PixelFormat, Tensor},
};

/// The host takes part in component handles too; this keeps its own limit the one that is met first.
const SPARE_HANDLES: usize = 64;

/// Why a run was stopped, as an error that passes through wasmtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("out of memory")]
    OutOfMemory,
    #[error("out of computing time")]
    CpuBudget,
    #[error("out of time")]
    Deadline,
    #[error("too many handles")]
    TooManyHandles,
    #[error("nothing but the log may be used here")]
    NoHost,
}

/// What a store holds.
pub(crate) struct State {
    pub(crate) table: ResourceTable,
    pub(crate) budget: MemoryBudget,
    pub(crate) cpu: CpuMeter,
    pub(crate) log: Arc<Log>,
    pub(crate) limits: Limits,
    pub(crate) seed: u64,
    pub(crate) cancel: CancellationToken,
    pub(crate) deadline: Instant,
    pub(crate) bytes_copied: u64,
    pub(crate) last_refusal: Option<HostError>,
    host: Option<Arc<dyn Host>>,
    /// Made when the brick first asks for it, which most never do.
    wasi: Option<Box<WasiCtx>>,
    ledger: Arc<Ledger>,
    taken_back: usize,
}

impl State {
    /// For a run.
    pub(crate) fn new(
        host: Arc<dyn Host>,
        limits: Limits,
        seed: u64,
        cancel: CancellationToken,
        ledger: Arc<Ledger>,
    ) -> Self {
        let reporter: Arc<dyn Reporter> = host.clone();
        Self::opened(Some(host), reporter, limits, seed, cancel, ledger)
    }

    /// For `describe`, which may only log.
    pub(crate) fn without_host(reporter: Arc<dyn Reporter>, limits: Limits, ledger: Arc<Ledger>) -> Self {
        Self::opened(None, reporter, limits, 0, CancellationToken::new(), ledger)
    }

    fn opened(
        host: Option<Arc<dyn Host>>,
        reporter: Arc<dyn Reporter>,
        limits: Limits,
        seed: u64,
        cancel: CancellationToken,
        ledger: Arc<Ledger>,
    ) -> Self {
        ledger.opened();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles as usize);
        // A deadline that the clock can't express is none; a year is as good.
        let now = Instant::now();
        let deadline = now.checked_add(limits.wall).unwrap_or(now + Duration::from_secs(365 * 24 * 60 * 60));
        Self {
            table,
            budget: MemoryBudget::new(limits.memory_bytes),
            cpu: CpuMeter::default(),
            log: Arc::new(Log::new(reporter, &limits)),
            limits,
            seed,
            cancel,
            deadline,
            bytes_copied: 0,
            last_refusal: None,
            host,
            wasi: None,
            ledger,
            taken_back: 0,
        }
    }

    /// A store that holds `self` and enforces its limits.
    pub(crate) fn into_store(self, engine: &Engine) -> Store<Self> {
        let (cpu, budget, deadline) = (self.cpu.clone(), self.limits.cpu, self.deadline);
        let handles = self.limits.handles as usize + SPARE_HANDLES;
        let hostcall_bytes = usize::try_from(self.limits.hostcall_bytes).unwrap_or(usize::MAX);
        let mut store = Store::new(engine, self);
        store.limiter(|state| &mut state.budget);
        store.set_hostcall_fuel(hostcall_bytes);
        store.set_max_component_handles(handles);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            if cpu.used() > budget {
                return Err(Stop::CpuBudget.into());
            }
            if Instant::now() > deadline {
                return Err(Stop::Deadline.into());
            }
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        store
    }

    /// Takes back every handle that the brick did not let go of, and says how many there were in all.
    pub(crate) fn take_back(&mut self) -> usize {
        let mut table = mem::take(&mut self.table);
        for held in table.iter_mut() {
            self.taken_back += 1;
            if let Some(image) = held.downcast_ref::<Image>() {
                self.budget.release(image.buffer_id());
            } else if let Some(tensor) = held.downcast_ref::<Tensor>() {
                self.budget.release(tensor.buffer_id());
            } else if let Some(canvas) = held.downcast_ref::<Canvas>() {
                self.budget.refund(canvas.bytes());
            }
        }
        self.taken_back
    }

    /// What the studio does for this run.
    pub(crate) fn host(&self) -> Result<Arc<dyn Host>, Stop> {
        self.host.clone().ok_or(Stop::NoHost)
    }

    /// Fails if a picture of this size may not be made.
    pub(crate) fn admit_image(
        &mut self,
        format: PixelFormat,
        width: u32,
        height: u32,
    ) -> Result<(), MediaError> {
        let longest = self.limits.max_side;
        if width.max(height) > longest {
            return Err(MediaError::BadArgument(format!(
                "{width}×{height} is too large, a side has at most {longest} pixels; `max_side` under [limits] in qpyt.toml sets it"
            )));
        }
        self.admit(format.bytes(width, height))
    }

    /// Fails if the host may not hold this many bytes more for the run.
    pub(crate) fn admit(&mut self, bytes: u64) -> Result<(), MediaError> {
        self.budget.admit(bytes).map_err(|_| MediaError::TooLarge(bytes))
    }

    /// Counts an answer for as long as the host still holds it, and as copied into the brick's memory.
    pub(crate) fn lend(&mut self, answer: Vec<u8>) -> Result<Arc<Vec<u8>>, MediaError> {
        let answer = Arc::new(answer);
        let bytes = answer.len() as u64;
        self.budget.lend(&answer).map_err(|_| MediaError::TooLarge(bytes))?;
        Ok(answer)
    }

    /// A new handle on the image.
    pub(crate) fn push_image(&mut self, image: Image) -> wasmtime::Result<Resource<Image>> {
        let (id, bytes) = (image.buffer_id(), image.pixels().len() as u64);
        self.push_held(image, id, bytes)
    }

    /// The image behind a handle that stays with the brick.
    pub(crate) fn image(&self, handle: &Resource<Image>) -> wasmtime::Result<Image> {
        Ok(self.table.get(handle)?.clone())
    }

    /// Takes back a handle that the brick gave up.
    pub(crate) fn take_image(&mut self, handle: Resource<Image>) -> wasmtime::Result<Image> {
        let image = self.table.delete(handle)?;
        self.budget.release(image.buffer_id());
        Ok(image)
    }

    /// A new handle on the tensor.
    pub(crate) fn push_tensor(&mut self, tensor: Tensor) -> wasmtime::Result<Resource<Tensor>> {
        let (id, bytes) = (tensor.buffer_id(), tensor.data().len() as u64);
        self.push_held(tensor, id, bytes)
    }

    /// The tensor behind a handle that stays with the brick.
    pub(crate) fn tensor(&self, handle: &Resource<Tensor>) -> wasmtime::Result<Tensor> {
        Ok(self.table.get(handle)?.clone())
    }

    /// Takes back a handle that the brick gave up.
    pub(crate) fn take_tensor(&mut self, handle: Resource<Tensor>) -> wasmtime::Result<Tensor> {
        let tensor = self.table.delete(handle)?;
        self.budget.release(tensor.buffer_id());
        Ok(tensor)
    }

    /// A new handle on the secret.
    pub(crate) fn push_secret(&mut self, secret: SecretHandle) -> wasmtime::Result<Resource<SecretHandle>> {
        self.table.push(secret).map_err(table_error)
    }

    /// The secret behind a handle that stays with the brick.
    pub(crate) fn secret(&self, handle: &Resource<SecretHandle>) -> wasmtime::Result<SecretHandle> {
        Ok(self.table.get(handle)?.clone())
    }

    /// Takes back a handle that the brick gave up.
    pub(crate) fn take_secret(&mut self, handle: Resource<SecretHandle>) -> wasmtime::Result<SecretHandle> {
        Ok(self.table.delete(handle)?)
    }

    /// A new canvas.
    pub(crate) fn push_canvas(&mut self, canvas: Canvas) -> wasmtime::Result<Resource<Canvas>> {
        let bytes = canvas.bytes();
        self.budget.charge(bytes)?;
        self.table.push(canvas).map_err(|error| {
            self.budget.refund(bytes);
            table_error(error)
        })
    }

    /// Takes back a canvas that the brick gave up.
    pub(crate) fn take_canvas(&mut self, handle: Resource<Canvas>) -> wasmtime::Result<Canvas> {
        let canvas = self.table.delete(handle)?;
        self.budget.refund(canvas.bytes());
        Ok(canvas)
    }

    fn push_held<T: Send + 'static>(
        &mut self,
        held: T,
        id: usize,
        bytes: u64,
    ) -> wasmtime::Result<Resource<T>> {
        self.budget.hold(id, bytes)?;
        self.table.push(held).map_err(|error| {
            self.budget.release(id);
            table_error(error)
        })
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let ctx = self.wasi.get_or_insert_with(|| Box::new(wasi::context(self.seed, &self.log)));
        WasiCtxView { ctx, table: &mut self.table }
    }
}

/// However a run ended, what it held is let go of and the books are balanced.
impl Drop for State {
    fn drop(&mut self) {
        let taken_back = self.take_back();
        self.ledger.closed(taken_back, &self.table, self.budget.held());
    }
}

fn table_error(error: ResourceTableError) -> wasmtime::Error {
    match error {
        ResourceTableError::Full => Stop::TooManyHandles.into(),
        error => error.into(),
    }
}
