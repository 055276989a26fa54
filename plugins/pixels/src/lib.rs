//! What bricks share that compute every pixel themselves: pictures in their own memory, and softening.

mod blur;
mod picture;
mod plane;

pub use blur::{blur, gauss};
pub use picture::{Mixed, Picture, byte, grey, mixed, straight};
pub use plane::Plane;
