//! A linear layer whose weights are held either as numbers or as quantised blocks.

use candle_core::{Result, Tensor};

use super::{Linear, QuantizedLinear};

/// y = x W^T + b over the last dimension.
pub enum Projection {
    /// Weights in f32.
    Dense(Linear),
    /// Weights as a GGUF file stores them.
    Quantized(QuantizedLinear),
}

impl Projection {
    /// Applies the layer to (..., in), giving (..., out).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(layer) => layer.forward(x),
            Self::Quantized(layer) => layer.forward(x),
        }
    }
}
