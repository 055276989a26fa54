//! Models that look at pictures: what stands out in them, what they show, and how far away it is.

pub mod depth_anything;
pub mod florence2;
pub mod pixels;
pub mod salient;

mod error;

pub use error::VisionError;
