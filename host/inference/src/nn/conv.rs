//! Two-dimensional convolution layers.

use candle_core::{DType, Result, Tensor};

use crate::tensor::{Conv2dGeometry, Rectifier, conv2d, conv2d_rectified, depthwise_conv2d};
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
        let layer = Self::load_unbiased(weights, input, output, kernel, geometry)?;
        Ok(Self { bias: weights.tensor("bias", &[output])?, ..layer })
    }

    /// Loads `weight` alone; nothing is added to the products.
    pub fn load_unbiased(
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
        let bias = Tensor::zeros(output, DType::F32, weights.device()).map_err(|e| weights.failed(e))?;
        Ok(Self::new(weight, bias, geometry))
    }

    /// A layer of a kernel (out, in, kernel, kernel) and a bias (out).
    pub fn new(weight: Tensor, bias: Tensor, geometry: Conv2dGeometry) -> Self {
        Self { weight, bias, geometry }
    }

    /// Applies the layer to (batch, in, height, width).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        conv2d(x, &self.weight, &self.bias, self.geometry)
    }

    /// Applies the layer and rectifies the result in the same pass.
    pub fn forward_rectified(&self, x: &Tensor, rectifier: &Rectifier) -> Result<Tensor> {
        conv2d_rectified(x, &self.weight, &self.bias, self.geometry, rectifier)
    }

    /// Applies the layer and adds `shift` (batch, out) to every pixel, in the same pass.
    pub fn forward_shifted(&self, x: &Tensor, shift: &Tensor) -> Result<Tensor> {
        conv2d(x, &self.weight, &shift.broadcast_add(&self.bias)?, self.geometry)
    }
}

/// A convolution of each channel with a 3x3 kernel and a bias of its own; the size stays.
pub struct DepthwiseConv2d {
    weight: Tensor,
    bias: Tensor,
}

impl DepthwiseConv2d {
    /// Loads `weight` (channels, 1, 3, 3) and `bias` (channels).
    pub fn load(weights: &Weights, channels: usize) -> Loaded<Self> {
        let weight = weights.tensor("weight", &[channels, 1, 3, 3])?;
        Ok(Self { weight, bias: weights.tensor("bias", &[channels])? })
    }

    /// Applies the layer to (batch, channels, height, width).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        depthwise_conv2d(x, &self.weight, &self.bias)
    }
}
