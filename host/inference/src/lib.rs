//! Models on candle: painting, looking at pictures, enlarging them, writing and translating.
//!
//! The studio calls [`Engine`]; the modules under it are public so that each can be held against reference
//! numbers. Order: `tensor` ← `nn` ← `weights` ← `text`, `diffusion`, `vision`, `upscale`, `language` ← `engine`.

pub mod diffusion;
pub mod engine;
pub mod language;
pub mod nn;
pub mod pixels;
pub mod tensor;
pub mod text;
pub mod upscale;
pub mod vision;
pub mod weights;

pub use diffusion::samplers::{Prediction, SamplerId, ScheduleId};
pub use engine::{
    BrokenModel, Engine, EngineError, EngineOptions, Family, ImageRequest, InstalledModel, ModelScan,
    Observer, PaintingTraits, Picture, StepReport, scan_models,
};
pub use language::chat;
pub use vision::florence2::Task as CaptionTask;
