//! Background removal: networks that say for every pixel how much it belongs to what stands out (U²-Net, IS-Net).

mod blocks;
mod layout;
mod network;

pub use layout::{SalientKind, SalientLayout};
pub use network::{MatteError, SalientNetwork};
