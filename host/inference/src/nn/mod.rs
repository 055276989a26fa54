//! Layers: parameters with the kernel that applies them. Each loads itself from [`Weights`](crate::weights::Weights).

mod conv;
mod linear;
mod norm;

pub use conv::Conv2d;
pub use linear::Linear;
pub use norm::{GroupNorm, LayerNorm};
