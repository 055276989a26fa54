//! What the studio calls: requests in, pictures and texts out. Calls block; one at a time is meant to run.

mod additions;
mod assembly;
mod embeddings;
mod error;
mod found;
mod inpainting;
mod machine;
mod models;
mod painting;
mod picture;
mod readings;
mod references;
mod request;
mod resident;
mod scan;
mod seeing;
mod sparing;
mod wording;
mod workers;
mod writing;

pub use crate::diffusion::painter::PaintingTraits;
pub use additions::{Adapter, Control};
pub use error::{DeviceSizes, EngineError};
pub use machine::{Offload, Precision};
pub use models::{Family, InstalledModel};
pub use picture::Picture;
pub use request::{ImageRequest, Observer, StepReport};
pub use scan::{BrokenModel, ModelScan, ModelScanner, scan_models};

use std::sync::Mutex;

use candle_core::Device;

use self::machine::{Terms, device_memory};
use self::resident::ResidentModels;
use self::workers::Workers;
use crate::weights::WeightStorage;

/// How the engine may use the machine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Most bytes that loaded models and a running picture may take together on the CPU. On another device that is nine
    /// tenths of what it has free, or what [`Engine::with_device_memory`] says.
    pub memory_budget: u64,
    /// Threads to compute with; none for one per processor.
    pub threads: Option<usize>,
}

/// Loads models on demand and does with them what they are for.
pub struct Engine {
    device: Device,
    threads: Workers,
    models: ResidentModels,
    /// Held while a picture is painted: adapters change the layers that all runs of a model share.
    painting: Mutex<()>,
}

impl Engine {
    /// An engine without loaded models.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        let threads = Workers::start(options.threads)
            .map_err(|e| EngineError::Internal(format!("threads cannot be started: {e}")))?;
        // Without the cargo features for them there is no other device than the CPU.
        let device = match Device::cuda_if_available(0)? {
            Device::Cpu => Device::metal_if_available(0)?,
            device => device,
        };
        let terms = Terms::on(&device);
        let budget = device_memory(&device).unwrap_or(options.memory_budget);
        Ok(Self { device, threads, models: ResidentModels::new(budget, terms), painting: Mutex::default() })
    }

    /// How its transformers hold their matrices.
    pub fn weight_storage(&self) -> WeightStorage {
        self.models.terms.storage
    }

    /// The same engine, whose transformers hold their matrices in a way of their own.
    pub fn with_weight_storage(mut self, storage: WeightStorage) -> Self {
        self.models.terms.storage = storage;
        self
    }

    /// The precision that networks which paint compute in.
    pub fn precision(&self) -> Precision {
        self.models.terms.precision
    }

    /// The same engine, whose networks that paint compute in a precision.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.models.terms.precision = precision;
        self
    }

    /// The same engine, which brings blocks of networks that paint to the device as told. On the CPU that has a meaning
    /// only in half precision: in f32 weights are used from their files.
    pub fn with_offload(mut self, offload: Offload) -> Self {
        self.models.terms.offload = offload;
        self
    }

    /// The same engine with so many bytes for models on its device, if that is not the CPU.
    pub fn with_device_memory(mut self, bytes: u64) -> Self {
        if !self.device.is_cpu() {
            self.models.budget = bytes;
        }
        self
    }
}
