//! What bricks share that compute every pixel themselves: pictures in their own memory, and softening.

mod blur;
mod boxes;
mod mixed;
mod picture;
mod plane;
mod sums;

pub use blur::{blur, gauss};
pub use mixed::{Mixed, mixed, mixed_row, straight, straight_row};
pub use picture::{Picture, byte, grey};
pub use plane::Plane;
pub use sums::{Sums, WHOLE, settled};
