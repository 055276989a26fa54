//! Normalisation layers.

use candle_core::{Result, Tensor};

use crate::tensor::{self, GroupMoments};
use crate::weights::{Loaded, Weights};

/// Group normalisation with scale and shift per channel.
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    groups: usize,
    eps: f64,
}

impl GroupNorm {
    /// Loads `weight` and `bias` (channels).
    pub fn load(weights: &Weights, channels: usize, groups: usize, eps: f64) -> Loaded<Self> {
        let (weight, bias) = (weights.tensor("weight", &[channels])?, weights.tensor("bias", &[channels])?);
        Ok(Self { weight, bias, groups, eps })
    }

    /// Normalises (batch, channels, ...).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        tensor::group_norm(x, &self.weight, &self.bias, self.groups, self.eps, false)
    }

    /// Normalises and applies SiLU in the same pass.
    pub fn forward_silu(&self, x: &Tensor) -> Result<Tensor> {
        tensor::group_norm(x, &self.weight, &self.bias, self.groups, self.eps, true)
    }

    /// The same for a piece of a map, by the moments of all of it.
    pub fn forward_silu_of(&self, x: &Tensor, moments: &GroupMoments) -> Result<Tensor> {
        tensor::group_norm_silu_of(x, &self.weight, &self.bias, moments, self.eps)
    }
}

/// Layer normalisation with scale and shift.
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// Loads `weight` and `bias` (width).
    pub fn load(weights: &Weights, width: usize, eps: f64) -> Loaded<Self> {
        let (weight, bias) = (weights.tensor("weight", &[width])?, weights.tensor("bias", &[width])?);
        Ok(Self { weight, bias, eps })
    }

    /// Normalises the last dimension.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        tensor::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

/// Root-mean-square normalisation with a scale.
pub struct RmsNorm {
    weight: Tensor,
    eps: f64,
}

impl RmsNorm {
    /// Normalises with this scale (width).
    pub fn new(weight: Tensor, eps: f64) -> Self {
        Self { weight, eps }
    }

    /// Normalises the last dimension, or each run of it that is as wide as the scale.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        tensor::rms_norm(x, &self.weight, self.eps)
    }
}
