//! The two-dimensional convolution layer.

use candle_core::{Result, Tensor};

use crate::tensor::{Conv2dGeometry, conv2d};
use crate::weights::{Loaded, Weights};

/// A square convolution with a bias.
pub struct Conv2d {
    weight: Tensor,
    bias: Tensor,
    geometry: Conv2dGeometry,
}

impl Conv2d {
    /// Loads `weight` (out, in, kernel, kernel) and `bias` (out).
    pub fn load(
        weights: &Weights,
        input: usize,
        output: usize,
        kernel: usize,
        geometry: Conv2dGeometry,
    ) -> Loaded<Self> {
        let shape = [output, input, kernel, kernel];
        let flat = [output, input];
        let weight = if kernel == 1 {
            weights.tensor_of_shapes("weight", &[&shape, &flat])?
        } else {
            weights.tensor("weight", &shape)?
        };
        Ok(Self { weight, bias: weights.tensor("bias", &[output])?, geometry })
    }

    /// Applies the layer to (batch, in, height, width).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        conv2d(x, &self.weight, &self.bias, self.geometry)
    }

    /// Applies the layer and adds `shift` (batch, out) to every pixel, in the same pass.
    pub fn forward_shifted(&self, x: &Tensor, shift: &Tensor) -> Result<Tensor> {
        conv2d(x, &self.weight, &shift.broadcast_add(&self.bias)?, self.geometry)
    }
}
