//! The linear layer.

use candle_core::{Result, Tensor};

use crate::tensor;
use crate::weights::{Loaded, Weights};

/// y = x W^T + b over the last dimension.
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// A layer of `weight` (out, in) and `bias` (out).
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// Loads `weight` (out, in) and `bias` (out).
    pub fn load(weights: &Weights, input: usize, output: usize) -> Loaded<Self> {
        let layer = Self::load_unbiased(weights, input, output)?;
        Ok(Self { bias: Some(weights.tensor("bias", &[output])?), ..layer })
    }

    /// Loads `weight` alone. A 1x1 convolution kernel (out, in, 1, 1) is taken too: older files store
    /// projections so.
    pub fn load_unbiased(weights: &Weights, input: usize, output: usize) -> Loaded<Self> {
        let weight = weights.tensor_of_shapes("weight", &[&[output, input], &[output, input, 1, 1]])?;
        Ok(Self { weight, bias: None })
    }

    /// One layer whose output is that of several side by side; all must have a bias or none.
    pub fn side_by_side(layers: &[Self]) -> Result<Self> {
        let weights: Vec<_> = layers.iter().map(|l| &l.weight).collect();
        let biases: Vec<_> = layers.iter().filter_map(|l| l.bias.as_ref()).collect();
        let bias = if biases.is_empty() { None } else { Some(Tensor::cat(&biases, 0)?) };
        Ok(Self { weight: Tensor::cat(&weights, 0)?, bias })
    }

    /// Applies the layer to (..., in), giving (..., out).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        tensor::linear(x, &self.weight, self.bias.as_ref())
    }
}
