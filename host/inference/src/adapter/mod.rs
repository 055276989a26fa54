//! Adapters (LoRA and its relatives): small files that change what a model paints, blended in while a run lasts.
//!
//! A file is read by its header ([`LoraLayout`]), loaded ([`Lora`]) and blended into the slots of a model
//! ([`blend`]). Formats differ in how they spell the layers and in how they write a change of weights; both are
//! brought to one form here.

mod architecture;
mod blend;
mod blocks;
mod delta;
mod keys;
mod layout;
mod lora;
mod transformers;

pub use blend::{Blended, blend};
pub use delta::{Delta, Factors};
pub use layout::LoraLayout;
pub use lora::{Lora, Module};
