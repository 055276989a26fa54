//! Why a task could not be done.

use std::path::PathBuf;

use super::machine::tells_of_no_memory;
use crate::diffusion::pipeline::RunError;
use crate::language::LanguageError;
use crate::upscale::UpscaleError;
use crate::vision::VisionError;
use crate::vision::salient::MatteError;
use crate::weights::BrokenFile;

/// Why a picture could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The observer asked for it.
    #[error("cancelled")]
    Cancelled,
    /// The model's folder is gone.
    #[error("the model `{id}` is no longer at {}", path.display())]
    ModelMissing {
        /// The model's id.
        id: String,
        /// Where it was.
        path: PathBuf,
    },
    /// A file of the model cannot be used.
    #[error("{}: {problem}", file.display())]
    ModelBroken {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The request asks for what cannot be.
    #[error("{field}: {problem}")]
    BadRequest {
        /// The field of the request.
        field: &'static str,
        /// What is wrong, and what would do.
        problem: String,
    },
    /// The picture would not fit the memory budget; nothing was started.
    #[error(
        "this needs about {} of memory, the budget is {}; make the picture smaller or raise the budget",
        megabytes(*needed),
        megabytes(*budget)
    )]
    OutOfMemory {
        /// Bytes of the model and the picture together.
        needed: u64,
        /// Bytes that may be used.
        budget: u64,
    },
    /// The device had less memory than was planned for, also when it was tried again with all that saves some.
    #[error("the device ran out of memory{}", told(*sizes))]
    DeviceFull {
        /// What was planned, once it is known.
        sizes: Option<DeviceSizes>,
    },
    /// The latents stopped being finite numbers.
    #[error(
        "the picture broke down at step {step}: its numbers are no longer finite. Lower the guidance{}",
        otherwise(*in_half)
    )]
    NotFinite {
        /// Number of the step, from 1.
        step: usize,
        /// True if the network computed in half precision, whose numbers end sooner.
        in_half: bool,
    },
    /// Something that should not happen.
    #[error("internal error: {0}")]
    Internal(String),
}

/// What a task was planned to take of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceSizes {
    /// Bytes of the models and the task together.
    pub needed: u64,
    /// Bytes that may be used.
    pub memory: u64,
}

impl EngineError {
    /// A problem with a field of the request.
    pub(super) fn bad(field: &'static str, problem: impl Into<String>) -> Self {
        Self::BadRequest { field, problem: problem.into() }
    }

    /// An error of which only the text is left.
    fn of_text(text: String, otherwise: impl FnOnce(String) -> Self) -> Self {
        if tells_of_no_memory(&text) { Self::DeviceFull { sizes: None } } else { otherwise(text) }
    }
}

impl From<BrokenFile> for EngineError {
    fn from(broken: BrokenFile) -> Self {
        let BrokenFile { file, problem } = broken;
        Self::of_text(problem, |problem| Self::ModelBroken { file, problem })
    }
}

impl From<candle_core::Error> for EngineError {
    fn from(error: candle_core::Error) -> Self {
        Self::of_text(error.to_string(), Self::Internal)
    }
}

impl From<VisionError> for EngineError {
    fn from(error: VisionError) -> Self {
        match error {
            VisionError::Cancelled => Self::Cancelled,
            VisionError::BadPicture(_) => Self::bad("picture", error.to_string()),
            VisionError::UnknownTask(_) => Self::bad("detail", error.to_string()),
            VisionError::NotFinite | VisionError::Internal(_) => {
                Self::of_text(error.to_string(), Self::Internal)
            }
        }
    }
}

impl From<MatteError> for EngineError {
    fn from(error: MatteError) -> Self {
        match error {
            MatteError::Picture(problem) => Self::bad("picture", problem.to_string()),
            MatteError::NotFinite => Self::Internal(error.to_string()),
            MatteError::Tensor(error) => error.into(),
        }
    }
}

impl From<UpscaleError> for EngineError {
    fn from(error: UpscaleError) -> Self {
        match error {
            UpscaleError::Cancelled => Self::Cancelled,
            UpscaleError::Picture(problem) => Self::bad("picture", problem.to_string()),
            UpscaleError::Factor(_) => Self::bad("factor", error.to_string().trim_start_matches("factor: ")),
            UpscaleError::Tile(_) => Self::bad("tile", error.to_string().trim_start_matches("tile: ")),
            UpscaleError::NotFinite => Self::Internal(error.to_string()),
            UpscaleError::Tensor(error) => error.into(),
        }
    }
}

impl From<LanguageError> for EngineError {
    fn from(error: LanguageError) -> Self {
        match error {
            LanguageError::Tensor(error) => error.into(),
            LanguageError::Option { name, problem } => Self::bad(name, problem),
            other => Self::bad("text", other.to_string()),
        }
    }
}

impl From<RunError> for EngineError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Cancelled => Self::Cancelled,
            RunError::NotFinite { step } => Self::NotFinite { step, in_half: false },
            RunError::Tensor(error) => error.into(),
        }
    }
}

fn otherwise(in_half: bool) -> &'static str {
    match in_half {
        true => {
            ", try another sampler, or set `inference.precision` to `f32`; if \
                 none helps, the model's file may be damaged"
        }
        false => " or try another sampler; if that doesn't help, the model's file may be damaged",
    }
}

fn told(sizes: Option<DeviceSizes>) -> String {
    let Some(DeviceSizes { needed, memory }) = sizes else { return String::new() };
    format!(
        ": this needs about {}, {} were planned with. Make the picture smaller, set `inference.weights` to `q8_0` or \
         `q4_k` or `inference.offload` to `always`, or end other programs that use the device",
        megabytes(needed),
        megabytes(memory)
    )
}

fn megabytes(bytes: u64) -> String {
    if bytes < 10 << 30 {
        format!("{} MB", bytes.div_ceil(1 << 20))
    } else {
        format!("{} GB", bytes.div_ceil(1 << 30))
    }
}
