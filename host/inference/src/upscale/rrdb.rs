//! RRDBNet, the network of ESRGAN, BSRGAN and Real-ESRGAN.

use candle_core::{Result, Tensor};

use super::layout::RrdbConfig;
use crate::nn::Conv2d;
use crate::tensor::{Conv2dGeometry, Rectifier};
use crate::weights::{Loaded, Weights};

/// Slope of the activation for negative values.
const LEAKY: Rectifier = Rectifier::Leaky(0.2);
/// Share of a block's result that is added to its input.
const RESIDUAL: f64 = 0.2;
/// Dense blocks of a residual block.
const DENSE_BLOCKS: usize = 3;
/// Convolutions of a dense block.
const LAYERS: usize = 5;

/// The network with its weights.
pub(super) struct RrdbNet {
    unshuffle: usize,
    first: Conv2d,
    blocks: Vec<Vec<DenseBlock>>,
    body: Conv2d,
    ups: Vec<Conv2d>,
    high_resolution: Conv2d,
    last: Conv2d,
}

impl RrdbNet {
    pub(super) fn load(config: RrdbConfig, weights: &Weights) -> Loaded<Self> {
        let RrdbConfig { naming, blocks, channels, growth, unshuffle, ups } = config;
        let conv = |name: &str, input: usize, output: usize| {
            Conv2d::load(&weights.sub(name), input, output, 3, Conv2dGeometry::padded(1))
        };
        let block = |block: usize| {
            let dense = (1..=DENSE_BLOCKS).map(|dense| {
                let layers = (1..=LAYERS).map(|layer| {
                    let output = if layer == LAYERS { channels } else { growth };
                    conv(&naming.dense(block, dense, layer), channels + (layer - 1) * growth, output)
                });
                layers.collect::<Loaded<_>>().map(DenseBlock)
            });
            dense.collect()
        };
        Ok(Self {
            unshuffle,
            first: conv(naming.first(), 3 * unshuffle * unshuffle, channels)?,
            blocks: (0..blocks).map(block).collect::<Loaded<_>>()?,
            body: conv(&naming.body(blocks), channels, channels)?,
            ups: (1..=ups).map(|n| conv(&naming.up(n), channels, channels)).collect::<Loaded<_>>()?,
            high_resolution: conv(&naming.high_resolution(ups), channels, channels)?,
            last: conv(&naming.last(ups), channels, 3)?,
        })
    }

    /// Enlarges (1, 3, height, width); sides must be multiples of [`RrdbNet::multiple`].
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let first = self.first.forward_rectified(&pixel_unshuffle(x, self.unshuffle)?, &Rectifier::None)?;
        let mut x = first.clone();
        for block in &self.blocks {
            let mut inner = x.clone();
            for dense in block {
                inner = dense.forward(&inner)?;
            }
            x = (x + (inner * RESIDUAL)?)?;
        }
        x = (first + self.body.forward_rectified(&x, &Rectifier::None)?)?;
        for up in &self.ups {
            let (_, _, height, width) = x.dims4()?;
            x = up.forward_rectified(&x.upsample_nearest2d(2 * height, 2 * width)?, &LEAKY)?;
        }
        self.last.forward_rectified(&self.high_resolution.forward_rectified(&x, &LEAKY)?, &Rectifier::None)
    }

    /// What the sides of its input must be multiples of.
    pub(super) fn multiple(&self) -> usize {
        self.unshuffle
    }
}

/// Five convolutions of which each sees the results of all before.
struct DenseBlock(Vec<Conv2d>);

impl DenseBlock {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let Some((last, layers)) = self.0.split_last() else { return Ok(x.clone()) };
        let mut seen = vec![x.clone()];
        for layer in layers {
            let grown = layer.forward_joined(&seen.iter().collect::<Vec<_>>(), &LEAKY)?;
            seen.push(grown);
        }
        x + (last.forward_joined(&seen.iter().collect::<Vec<_>>(), &Rectifier::None)? * RESIDUAL)?
    }
}

/// Squares of pixels become channels: (batch, c, h * edge, w * edge) to (batch, c * edge², h, w), as PyTorch's
/// `pixel_unshuffle`.
fn pixel_unshuffle(x: &Tensor, edge: usize) -> Result<Tensor> {
    if edge == 1 {
        return Ok(x.clone());
    }
    let (batch, channels, height, width) = x.dims4()?;
    x.reshape(vec![batch, channels, height / edge, edge, width / edge, edge])?
        .permute(vec![0, 1, 3, 5, 2, 4])?
        .reshape((batch, channels * edge * edge, height / edge, width / edge))
}
