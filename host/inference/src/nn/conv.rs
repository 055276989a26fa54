//! Two-dimensional convolution layers.

use std::sync::Arc;

use candle_core::{DType, Result, Tensor, bail};

use crate::slots::{Patch, Slot, SlotWeight};
use crate::tensor::{Conv2dGeometry, Parameter, Rectifier, conv2d, conv2d_joined, depthwise_conv2d};
use crate::weights::{Loaded, Weights};

/// A square convolution with a bias.
pub struct Conv2d {
    weight: Parameter,
    bias: Tensor,
    geometry: Conv2dGeometry,
    slot: Option<Arc<Slot>>,
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
            weights.parameter_of_shapes("weight", &[&shape, &flat])?
        } else {
            weights.parameter("weight", &shape)?
        };
        let bias = Tensor::zeros(output, DType::F32, weights.device()).map_err(|e| weights.failed(e))?;
        Ok(Self { slot: weights.slot(SlotWeight::held(&weight)), ..Self::new(weight, bias, geometry) })
    }

    /// A layer of a kernel (out, in, kernel, kernel) and a bias (out).
    pub fn new(weight: impl Into<Parameter>, bias: Tensor, geometry: Conv2dGeometry) -> Self {
        Self { weight: weight.into(), bias, geometry, slot: None }
    }

    /// Applies the layer to (batch, in, height, width).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_biased(x, &self.bias)
    }

    /// Applies the layer and rectifies the result in the same pass. Rectified layers take no adapters.
    pub fn forward_rectified(&self, x: &Tensor, rectifier: &Rectifier) -> Result<Tensor> {
        self.forward_joined(&[x], rectifier)
    }

    /// Applies the layer to maps (batch, channels, height, width) joined along their channels, and rectifies the result.
    pub fn forward_joined(&self, maps: &[&Tensor], rectifier: &Rectifier) -> Result<Tensor> {
        if self.slot.as_ref().is_some_and(|slot| slot.patch().is_some()) {
            bail!("a rectified convolution takes no adapters");
        }
        conv2d_joined(maps, &self.weight, &self.bias, self.geometry, rectifier)
    }

    /// Applies the layer and adds `shift` (batch, out) to every pixel, in the same pass.
    pub fn forward_shifted(&self, x: &Tensor, shift: &Tensor) -> Result<Tensor> {
        self.forward_biased(x, &shift.broadcast_add(&self.bias.to_dtype(shift.dtype())?)?)
    }

    fn forward_biased(&self, x: &Tensor, bias: &Tensor) -> Result<Tensor> {
        match self.slot.as_ref().and_then(|slot| slot.patch()) {
            None => self.weight.conv2d(x, bias, self.geometry),
            Some(patch) => self.forward_patched(x, bias, &patch),
        }
    }

    fn forward_patched(&self, x: &Tensor, bias: &Tensor, patch: &Patch) -> Result<Tensor> {
        let shifted = |shift: &Tensor| bias.broadcast_add(&shift.to_dtype(bias.dtype())?);
        let shifted = patch.shift.as_ref().map(shifted).transpose()?;
        let bias = shifted.as_ref().unwrap_or(bias);
        let y = match &patch.weight {
            Some(weight) => conv2d(x, weight, bias, self.geometry)?,
            None => self.weight.conv2d(x, bias, self.geometry)?,
        };
        let Some(branch) = &patch.branch else { return Ok(y) };
        let zeros = |count: usize| Tensor::zeros(count, x.dtype(), x.device());
        let narrow = conv2d(x, &branch.down, &zeros(branch.down.dim(0)?)?, self.geometry)?;
        y + conv2d(&narrow, &branch.up, &zeros(branch.up.dim(0)?)?, Conv2dGeometry::padded(0))?
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
