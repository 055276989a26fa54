//! Upscaling: networks that enlarge pictures by a whole factor (RRDBNet, SRVGGNetCompact), tile by tile.

mod compact;
mod layout;
mod rrdb;
mod tiles;
mod upscaler;

pub use layout::{UpscalerKind, UpscalerLayout};
pub use upscaler::{DEFAULT_TILE, Progress, UpscaleError, Upscaler};
