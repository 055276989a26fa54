//! The nested U-block of U²-Net and IS-Net (RSU): a small U-shaped network with a connection around it.

use candle_core::{Result, Tensor};

use super::layout::{Depth, StageWidth};
use crate::nn::Conv2d;
use crate::tensor::{Conv2dGeometry, Interpolation, Rectifier, interpolate, max_pool_halving};
use crate::weights::{Loaded, Weights};

/// Added to variances in the batch normalisation.
const EPS: f64 = 1e-5;

/// Convolution 3x3, batch normalisation, ReLU; the normalisation is folded into the convolution.
struct ConvBlock(Conv2d);

impl ConvBlock {
    fn load(weights: &Weights, input: usize, output: usize, dilation: usize) -> Loaded<Self> {
        let geometry = Conv2dGeometry::dilated(dilation);
        if !weights.contains("bn_s1.running_var") {
            return Conv2d::load(&weights.sub("conv_s1"), input, output, 3, geometry).map(Self);
        }
        let convolution = weights.sub("conv_s1");
        let kernel = convolution.tensor("weight", &[output, input, 3, 3])?;
        let bias =
            if convolution.contains("bias") { Some(convolution.tensor("bias", &[output])?) } else { None };
        let norm = weights.sub("bn_s1");
        let [scale, shift, mean, variance] =
            ["weight", "bias", "running_mean", "running_var"].map(|name| norm.tensor(name, &[output]));
        let (scale, shift, mean, variance) = (scale?, shift?, mean?, variance?);
        let folded = || -> Result<(Tensor, Tensor)> {
            let factor = (scale / (variance + EPS)?.sqrt()?)?;
            let centre = match bias {
                Some(bias) => (bias - mean)?,
                None => mean.neg()?,
            };
            Ok((kernel.broadcast_mul(&factor.reshape((output, 1, 1, 1))?)?, ((centre * factor)? + shift)?))
        };
        let (kernel, bias) = folded().map_err(|e| weights.failed(e))?;
        Ok(Self(Conv2d::new(kernel, bias, geometry)))
    }

    /// Applies the block to maps joined along their channels.
    fn forward(&self, maps: &[&Tensor]) -> Result<Tensor> {
        self.0.forward_joined(maps, &Rectifier::RELU)
    }
}

/// The nested U-block.
pub(super) struct UBlock {
    input: ConvBlock,
    /// Down, from the largest level to the bottom.
    down: Vec<ConvBlock>,
    /// Up, from the level above the bottom to the largest.
    up: Vec<ConvBlock>,
    /// True if levels differ in size.
    pooled: bool,
}

impl UBlock {
    pub(super) fn load(weights: &Weights, depth: Depth, width: StageWidth) -> Loaded<Self> {
        let StageWidth { input, middle, output } = width;
        let (levels, pooled) = match depth {
            Depth::Levels(levels) => (levels, true),
            Depth::Dilated => (4, false),
        };
        let dilation = |level: usize| match (pooled, level == levels) {
            (true, false) => 1,
            (true, true) => 2,
            (false, _) => 1 << (level - 1),
        };
        let layer = |name: String, input: usize, output: usize, level: usize| {
            ConvBlock::load(&weights.sub(name), input, output, dilation(level))
        };
        let down = (1..=levels).map(|level| {
            layer(format!("rebnconv{level}"), if level == 1 { output } else { middle }, middle, level)
        });
        let up = (1..levels).rev().map(|level| {
            let output = if level == 1 { output } else { middle };
            layer(format!("rebnconv{level}d"), 2 * middle, output, level)
        });
        Ok(Self {
            input: ConvBlock::load(&weights.sub("rebnconvin"), input, output, 1)?,
            down: down.collect::<Loaded<_>>()?,
            up: up.collect::<Loaded<_>>()?,
            pooled,
        })
    }

    /// Applies the block to maps that, joined along their channels, are (batch, in, height, width); gives
    /// (batch, out, height, width).
    pub(super) fn forward(&self, maps: &[&Tensor]) -> Result<Tensor> {
        let input = self.input.forward(maps)?;
        let mut maps: Vec<Tensor> = Vec::with_capacity(self.down.len());
        for (level, layer) in self.down.iter().enumerate() {
            let above = maps.last().unwrap_or(&input);
            // The first level has the input's size, the bottom that of the level above it.
            let pooled = self.pooled && level > 0 && level + 1 < self.down.len();
            maps.push(if pooled {
                layer.forward(&[&max_pool_halving(above)?])?
            } else {
                layer.forward(&[above])?
            });
        }
        let mut out = maps.pop().unwrap_or_else(|| input.clone());
        for layer in &self.up {
            let Some(beside) = maps.pop() else { break };
            let (_, _, height, width) = beside.dims4()?;
            out = layer.forward(&[&interpolate(&out, height, width, Interpolation::Bilinear)?, &beside])?;
        }
        out + input
    }
}
