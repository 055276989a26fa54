//! What the engine computes on, in which precision, and how much memory is there.

use std::sync::Arc;

use candle_core::{DType, Device};

use crate::weights::{Computing, Holding, Residence, WeightStorage};

/// The first CUDA capability that computes in bf16.
const CAPABLE_OF_BF16: (i32, i32) = (8, 0);
/// The share of a device's free memory that is used: the rest is for what is not planned.
const USED: (u64, u64) = (9, 10);

/// The precision that networks which paint compute in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// f32 on the CPU. Elsewhere that which the network is stored in, as far as the device has it.
    #[default]
    Auto,
    /// Single precision.
    F32,
    /// The upper half of single precision.
    Bf16,
    /// IEEE half precision.
    F16,
}

impl Precision {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::Auto, Self::F32, Self::Bf16, Self::F16];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }

    /// The type that a network computes in which is stored in its `native` one.
    fn dtype(self, kind: DeviceKind, native: DType) -> DType {
        match (self, kind) {
            (Self::F32, _) | (Self::Auto, DeviceKind::Cpu) => DType::F32,
            (Self::F16, _) => DType::F16,
            (Self::Bf16, kind) if kind.has_bf16() => DType::BF16,
            (Self::Bf16, _) => DType::F32,
            (Self::Auto, _) if native == DType::F32 => DType::F32,
            (Self::Auto, DeviceKind::Cuda { .. }) if native == DType::BF16 && kind.has_bf16() => DType::BF16,
            (Self::Auto, _) => DType::F16,
        }
    }
}

/// Whether blocks of a network are brought to the device for each use, rather than kept there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Offload {
    /// Those that do not fit.
    #[default]
    Auto,
    /// All.
    Always,
    /// None.
    Never,
}

impl Offload {
    /// All of them, the default first.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Always, Self::Never];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeviceKind {
    Cpu,
    Cuda {
        /// Major and minor number of what it can do.
        capability: (i32, i32),
    },
    Metal,
}

impl DeviceKind {
    fn of(device: &Device) -> Self {
        match device {
            Device::Cpu => Self::Cpu,
            Device::Metal(_) => Self::Metal,
            #[cfg(feature = "cuda")]
            Device::Cuda(cuda) => {
                // What does not say what it can do is taken for an old one.
                let capability = cuda.cuda_stream().context().compute_capability().unwrap_or_default();
                Self::Cuda { capability }
            }
            #[cfg(not(feature = "cuda"))]
            Device::Cuda(_) => Self::Cuda { capability: (0, 0) },
        }
    }

    fn has_bf16(self) -> bool {
        !matches!(self, Self::Cuda { capability } if capability < CAPABLE_OF_BF16)
    }
}

/// How models are to be held, as far as it does not depend on the model.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) kind: DeviceKind,
    pub(super) storage: WeightStorage,
    pub(super) precision: Precision,
    pub(super) offload: Offload,
}

impl Terms {
    pub(super) fn on(device: &Device) -> Self {
        Self {
            kind: DeviceKind::of(device),
            storage: WeightStorage::default(),
            precision: Precision::default(),
            offload: Offload::default(),
        }
    }

    /// How a network is held that is stored in a type. None of a residence is all of it on the device.
    pub(super) fn holding(&self, native: DType, residence: Option<Arc<Residence>>) -> Holding {
        let computing = match (self.kind, self.precision.dtype(self.kind, native)) {
            (DeviceKind::Cpu, DType::F32) => Computing::Single,
            (_, dtype) => Computing::Typed { dtype, residence: residence.unwrap_or_default() },
        };
        Holding { storage: self.storage, computing, off_cpu: self.kind != DeviceKind::Cpu }
    }
}

/// The memory of a device that models may take, in bytes; none for the CPU, and where the device does not tell.
pub(super) fn device_memory(device: &Device) -> Option<u64> {
    let free: Option<u64> = match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda) => {
            let told = cuda.cuda_stream().context().mem_get_info();
            told.ok().and_then(|(free, _)| u64::try_from(free).ok())
        }
        #[cfg(feature = "metal")]
        Device::Metal(metal) => u64::try_from(metal.metal_device().recommended_max_working_set_size()).ok(),
        _ => None,
    };
    free.map(|free| free / USED.1 * USED.0)
}

/// True if a text is that of an error of a device without memory left. Texts are all that is left of the errors of
/// drivers once they have gone through those of files and models.
pub(super) fn tells_of_no_memory(text: &str) -> bool {
    const TOLD: [&str; 6] = [
        "CUDA_ERROR_OUT_OF_MEMORY",
        "CUBLAS_STATUS_ALLOC_FAILED",
        "CURAND_STATUS_ALLOCATION_FAILED",
        "CUDNN_STATUS_ALLOC_FAILED",
        "Failed to create metal resource: Buffer",
        "kIOGPUCommandBufferCallbackErrorOutOfMemory",
    ];
    TOLD.iter().any(|told| text.contains(told))
}

#[cfg(test)]
mod tests {
    use candle_core::Tensor;

    use super::*;
    use crate::weights::WeightFiles;

    const OLD: DeviceKind = DeviceKind::Cuda { capability: (7, 5) };
    const NEW: DeviceKind = DeviceKind::Cuda { capability: (8, 6) };

    #[test]
    fn a_network_computes_as_it_is_stored_where_the_device_can() {
        let auto = |kind, native| Precision::Auto.dtype(kind, native);
        for native in [DType::F32, DType::F16, DType::BF16] {
            assert_eq!(auto(DeviceKind::Cpu, native), DType::F32);
            assert_eq!(auto(NEW, native), native);
        }
        assert_eq!(auto(OLD, DType::BF16), DType::F16);
        assert_eq!(auto(DeviceKind::Metal, DType::BF16), DType::F16);
        assert_eq!(auto(DeviceKind::Metal, DType::F32), DType::F32);
    }

    #[test]
    fn what_is_asked_for_is_done_unless_the_device_cannot() {
        for kind in [DeviceKind::Cpu, OLD, NEW, DeviceKind::Metal] {
            assert_eq!(Precision::F32.dtype(kind, DType::BF16), DType::F32);
            assert_eq!(Precision::F16.dtype(kind, DType::F32), DType::F16);
        }
        assert_eq!(Precision::Bf16.dtype(NEW, DType::F16), DType::BF16);
        assert_eq!(Precision::Bf16.dtype(OLD, DType::F16), DType::F32);
    }

    #[test]
    fn parts_that_compute_in_f32_are_counted_as_the_device_in_use_holds_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let matrix = Tensor::zeros((8, 16), DType::F16, &Device::Cpu).unwrap();
        candle_core::safetensors::save(&[("matrix".to_owned(), matrix)].into(), &path).unwrap();
        let files = WeightFiles::single(&path).unwrap();
        let bytes = |kind| {
            let holding = Terms { kind, ..Terms::on(&Device::Cpu) }.holding(DType::F16, None);
            let count = |holding: &Holding| files.loaded_bytes_as(holding, |_| true);
            (count(&holding), count(&holding.in_single()))
        };
        let (half, single) = (8 * 16 * 2, 8 * 16 * 4);
        assert_eq!(bytes(DeviceKind::Cpu), (half, half), "the file is used as it is, whatever else could be");
        assert_eq!(bytes(NEW), (half, single));
        assert_eq!(bytes(DeviceKind::Metal), (half, single));
    }

    #[test]
    fn errors_of_devices_without_memory_are_known_by_what_they_say() {
        let of_driver = std::io::Error::other("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")");
        let error = candle_core::Error::Cuda(Box::new(of_driver)).bt();
        assert!(tells_of_no_memory(&error.to_string()));
        assert!(!tells_of_no_memory("a shape mismatch: out of memory of the author"));
    }
}
