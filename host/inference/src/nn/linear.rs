//! The linear layer.

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::patched::patched;
use crate::slots::{Slot, SlotWeight};
use crate::tensor::Parameter;
use crate::weights::{Loaded, Weights};

/// y = x W^T + b over the last dimension.
pub struct Linear {
    weight: Parameter,
    bias: Option<Tensor>,
    slot: Option<Arc<Slot>>,
}

impl Linear {
    /// A layer of `weight` (out, in) and `bias` (out).
    pub fn new(weight: impl Into<Parameter>, bias: Option<Tensor>) -> Self {
        Self { weight: weight.into(), bias, slot: None }
    }

    /// The same layer with a slot, if the model of the weights that it was made of has slots.
    pub(crate) fn with_slot_of(self, weights: &Weights) -> Self {
        Self { slot: weights.slot(SlotWeight::held(&self.weight)), ..self }
    }

    /// Loads `weight` (out, in) and `bias` (out).
    pub fn load(weights: &Weights, input: usize, output: usize) -> Loaded<Self> {
        let layer = Self::load_unbiased(weights, input, output)?;
        Ok(Self { bias: Some(weights.tensor("bias", &[output])?), ..layer })
    }

    /// Loads `weight` alone. A 1x1 convolution kernel (out, in, 1, 1) is taken too: older files store
    /// projections so.
    pub fn load_unbiased(weights: &Weights, input: usize, output: usize) -> Loaded<Self> {
        let weight = weights.parameter_of_shapes("weight", &[&[output, input], &[output, input, 1, 1]])?;
        Ok(Self { slot: weights.slot(SlotWeight::held(&weight)), weight, bias: None })
    }

    /// One layer whose output is that of several side by side; all must have a bias or none.
    pub fn side_by_side(layers: &[Self]) -> Result<Self> {
        let weights: Vec<_> = layers.iter().map(|l| &l.weight).collect();
        let biases: Vec<_> = layers.iter().filter_map(|l| l.bias.as_ref()).collect();
        let bias = if biases.is_empty() { None } else { Some(Tensor::cat(&biases, 0)?) };
        let weight = Parameter::joined(&weights)?;
        let slots: Vec<_> = layers.iter().filter_map(|l| l.slot.clone()).collect();
        let slot = (!slots.is_empty()).then(|| Slot::joined(&slots, SlotWeight::held(&weight)));
        Ok(Self { weight, bias, slot })
    }

    /// Applies the layer to (..., in), giving (..., out).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let bias = self.bias.as_ref();
        let own = || self.weight.linear(x, bias);
        match self.slot.as_ref().and_then(|slot| slot.patch()) {
            None => own(),
            Some(patch) => patched(x, &patch, bias, own),
        }
    }
}
