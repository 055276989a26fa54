//! Models on candle: painting, looking at pictures, enlarging them, writing and translating.
//!
//! The studio calls [`Engine`]; the modules under it are public so that each can be held against reference
//! numbers. Order: `tensor` ← `slots` ← `weights` ← `nn` ← `prompt`, `adapter`, `text`, `diffusion`, `vision`, `upscale`, `language` ← `engine`.

pub mod adapter;
pub mod allocator;
pub mod diffusion;
pub mod engine;
pub mod language;
pub mod nn;
pub mod pixels;
pub mod prompt;
pub mod slots;
pub mod tensor;
pub mod text;
pub mod upscale;
pub mod vision;
pub mod weights;

pub use diffusion::architecture::Architecture;
pub use diffusion::painter::Guidance;
pub use diffusion::pipeline::LayerSkipping;
pub use diffusion::samplers::{Prediction, SamplerId, ScheduleId};
pub use diffusion::usual::Usual;
pub use engine::{
    Adapter, BrokenModel, Control, DeviceSizes, Engine, EngineError, EngineOptions, Family, ImageRequest,
    InstalledModel, ModelScan, ModelScanner, Observer, Offload, PaintingTraits, Picture, Precision,
    StepReport, scan_models,
};
pub use language::chat;
pub use prompt::PromptSyntax;
pub use vision::florence2::Task as CaptionTask;
pub use weights::WeightStorage;
