//! The linear layer.

use std::sync::Arc;

use candle_core::{Result, Tensor};

use crate::slots::{Patch, Slot};
use crate::tensor;
use crate::weights::{Loaded, Weights};

/// y = x W^T + b over the last dimension.
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    slot: Option<Arc<Slot>>,
}

impl Linear {
    /// A layer of `weight` (out, in) and `bias` (out).
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias, slot: None }
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
        Ok(Self { slot: weights.slot(&weight), weight, bias: None })
    }

    /// One layer whose output is that of several side by side; all must have a bias or none.
    pub fn side_by_side(layers: &[Self]) -> Result<Self> {
        let weights: Vec<_> = layers.iter().map(|l| &l.weight).collect();
        let biases: Vec<_> = layers.iter().filter_map(|l| l.bias.as_ref()).collect();
        let bias = if biases.is_empty() { None } else { Some(Tensor::cat(&biases, 0)?) };
        let weight = Tensor::cat(&weights, 0)?;
        let slots: Vec<_> = layers.iter().filter_map(|l| l.slot.as_ref()).collect();
        let slot = (!slots.is_empty()).then(|| Slot::joined(&slots, &weight));
        Ok(Self { weight, bias, slot })
    }

    /// Applies the layer to (..., in), giving (..., out).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self.slot.as_ref().and_then(|slot| slot.patch()) {
            None => tensor::linear(x, &self.weight, self.bias.as_ref()),
            Some(patch) => self.forward_patched(x, &patch),
        }
    }

    fn forward_patched(&self, x: &Tensor, patch: &Patch) -> Result<Tensor> {
        let mut y = tensor::linear(x, patch.weight.as_ref().unwrap_or(&self.weight), self.bias.as_ref())?;
        if let Some(branch) = &patch.branch {
            let narrow = tensor::linear(x, &branch.down, None)?;
            y = tensor::linear_onto(y, &narrow, &branch.up)?;
        }
        match &patch.shift {
            Some(shift) => y.broadcast_add(shift),
            None => Ok(y),
        }
    }
}
