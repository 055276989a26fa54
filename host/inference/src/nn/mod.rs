//! Layers: parameters with the kernel that applies them. Each loads itself from [`Weights`](crate::weights::Weights).

mod conv;
mod linear;
mod norm;
mod patched;
mod projection;
mod quantized;

pub use conv::{Conv2d, DepthwiseConv2d};
pub use linear::Linear;
pub use norm::{GroupNorm, LayerNorm, RmsNorm};
pub use projection::Projection;
pub use quantized::QuantizedLinear;
