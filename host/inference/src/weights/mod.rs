//! Model files: safetensors, GGUF, ONNX, PyTorch checkpoints, configuration files and how a model folder is
//! recognised. Everything read here comes from outside, so it is bounded and checked before it is used.

mod bitsandbytes;
mod config;
mod eight_bit;
mod gguf;
mod gguf_header;
mod holding;
mod mistaken;
mod onnx;
mod pickle;
mod safetensors;
mod source;
mod storage;
mod stretches;
mod tensor_file;
mod torch;
mod view;

pub(crate) use bitsandbytes::PackedRows;
pub use config::ConfigFile;
pub(crate) use config::{read_bytes, read_text};
pub use gguf::{GgufEntry, GgufFile, MetaValue};
pub use holding::{Block, Computing, Holding, Residence};
pub use safetensors::SafetensorsFile;
pub use source::WeightFiles;
pub use storage::WeightStorage;
pub(crate) use stretches::{BlockRows, KeyMap, StoredRows};
pub use tensor_file::{StoredType, TensorEntry, TensorFile};
pub(crate) use view::Keeping;
pub use view::Weights;

use std::path::{Path, PathBuf};

/// What reading a model file gives.
pub type Loaded<T> = Result<T, BrokenFile>;

/// A model file that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct BrokenFile {
    /// The file or folder.
    pub file: PathBuf,
    /// What is wrong with it, and where possible what to do.
    pub problem: String,
}

impl BrokenFile {
    /// A problem with `file`.
    pub fn new(file: impl AsRef<Path>, problem: impl std::fmt::Display) -> Self {
        Self { file: file.as_ref().to_path_buf(), problem: problem.to_string() }
    }
}
