//! SRVGGNetCompact, the small network of Real-ESRGAN: plain convolutions at the picture's size, then squares of pixels
//! from channels, on top of the picture enlarged without smoothing.

use candle_core::{Result, Tensor};

use super::layout::CompactConfig;
use crate::nn::Conv2d;
use crate::tensor::{Conv2dGeometry, Rectifier};
use crate::weights::{Loaded, Weights};

/// The network with its weights.
pub(super) struct CompactNet {
    layers: Vec<(Conv2d, Rectifier)>,
    scale: usize,
}

impl CompactNet {
    pub(super) fn load(config: CompactConfig, weights: &Weights) -> Loaded<Self> {
        let CompactConfig { channels, convolutions, scale } = config;
        let layer = |number: usize| -> Loaded<_> {
            let is_last = number + 1 == convolutions;
            let input = if number == 0 { 3 } else { channels };
            let output = if is_last { 3 * scale * scale } else { channels };
            let body = weights.sub("body");
            let conv = Conv2d::load(&body.sub(2 * number), input, output, 3, Conv2dGeometry::padded(1))?;
            let rectifier = if is_last {
                Rectifier::None
            } else {
                let slopes = body.sub(2 * number + 1).tensor("weight", &[channels])?;
                Rectifier::PerChannel(slopes.to_vec1().map_err(|e| weights.failed(e))?)
            };
            Ok((conv, rectifier))
        };
        Ok(Self { layers: (0..convolutions).map(layer).collect::<Loaded<_>>()?, scale })
    }

    /// Enlarges (1, 3, height, width).
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = x.dims4()?;
        let mut hidden = x.clone();
        for (conv, rectifier) in &self.layers {
            hidden = conv.forward_rectified(&hidden, rectifier)?;
        }
        let enlarged = x.upsample_nearest2d(height * self.scale, width * self.scale)?;
        pixel_shuffle(&hidden, self.scale)? + enlarged
    }
}

/// Channels become squares of pixels: (batch, c * edge², h, w) to (batch, c, h * edge, w * edge), as PyTorch's
/// `pixel_shuffle`.
fn pixel_shuffle(x: &Tensor, edge: usize) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let channels = channels / (edge * edge);
    x.reshape(vec![batch, channels, edge, edge, height, width])?.permute(vec![0, 1, 4, 2, 5, 3])?.reshape((
        batch,
        channels,
        height * edge,
        width * edge,
    ))
}
