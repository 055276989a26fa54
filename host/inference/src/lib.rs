//! Image models on candle: weights, text encoders, diffusion, autoencoders, samplers.
//!
//! The studio calls [`Engine`]; the modules under it are public so that each can be held against reference
//! numbers. Order: `tensor` ← `nn` ← `weights` ← `text`, `diffusion` ← `engine`.

pub mod diffusion;
pub mod engine;
pub mod nn;
pub mod tensor;
pub mod text;
pub mod weights;

pub use diffusion::samplers::{Prediction, SamplerId, ScheduleId};
pub use engine::{
    BrokenModel, Engine, EngineError, EngineOptions, ImageRequest, InstalledModel, ModelScan, Observer,
    Picture, StepReport, scan_models,
};
