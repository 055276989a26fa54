//! The residual block that the noise predictor and the autoencoder share, and their up-sampling.

use candle_core::{Result, Tensor};

use super::unet::UnetConfig;
use crate::nn::{Conv2d, GroupNorm, Linear};
use crate::tensor::{Conv2dGeometry, GroupMoments};
use crate::weights::{Loaded, Weights};

/// Norm, SiLU and convolution, twice, around a skip connection; the time embedding shifts the middle.
pub(super) struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    shortcut: Option<Conv2d>,
}

/// What all residual blocks of a network have in common.
#[derive(Clone, Copy)]
pub(super) struct ResnetStyle {
    /// Width of the time embedding, none in the autoencoder.
    pub(super) time_width: Option<usize>,
    /// Groups of the group norms.
    pub(super) groups: usize,
    /// Added to variances in the group norms.
    pub(super) eps: f64,
}

impl ResnetStyle {
    /// That of a noise predictor.
    pub(super) fn of_unet(config: &UnetConfig) -> Self {
        Self { time_width: Some(config.time_width), groups: config.norm_groups, eps: config.norm_eps }
    }
}

impl ResnetBlock {
    pub(super) fn load(weights: &Weights, input: usize, output: usize, style: ResnetStyle) -> Loaded<Self> {
        let same = Conv2dGeometry::padded(1);
        let time = style.time_width.map(|width| Linear::load(&weights.sub("time_emb_proj"), width, output));
        let shortcut = (input != output).then(|| {
            Conv2d::load(&weights.sub("conv_shortcut"), input, output, 1, Conv2dGeometry::padded(0))
        });
        Ok(Self {
            norm1: GroupNorm::load(&weights.sub("norm1"), input, style.groups, style.eps)?,
            conv1: Conv2d::load(&weights.sub("conv1"), input, output, 3, same)?,
            time: time.transpose()?,
            norm2: GroupNorm::load(&weights.sub("norm2"), output, style.groups, style.eps)?,
            conv2: Conv2d::load(&weights.sub("conv2"), output, output, 3, same)?,
            shortcut: shortcut.transpose()?,
        })
    }

    /// Applies the block to (batch, in, height, width); `time` is the activated time embedding (batch, width).
    pub(super) fn forward(&self, x: &Tensor, time: Option<&Tensor>) -> Result<Tensor> {
        // Each map takes the place of the one before, which is then gone.
        let mut hidden = self.norm1.forward_silu(x)?;
        hidden = match (&self.time, time) {
            (Some(project), Some(time)) => self.conv1.forward_shifted(&hidden, &project.forward(time)?)?,
            _ => self.conv1.forward(&hidden)?,
        };
        hidden = self.norm2.forward_silu(&hidden)?;
        hidden = self.conv2.forward(&hidden)?;
        self.onto(x, hidden)
    }

    /// As [`Self::forward`] without a time embedding, for a piece of a map whose norms are by the moments of all of it,
    /// up to the first whose moments are not known.
    pub(super) fn forward_piece(&self, x: &Tensor, known: &[GroupMoments]) -> Result<Tensor> {
        let Some(moments) = known.first() else { return Ok(x.clone()) };
        let mut hidden = self.conv1.forward(&self.norm1.forward_silu_of(x, moments)?)?;
        let Some(moments) = known.get(1) else { return Ok(hidden) };
        hidden = self.norm2.forward_silu_of(&hidden, moments)?;
        hidden = self.conv2.forward(&hidden)?;
        self.onto(x, hidden)
    }

    /// Adds what the convolutions gave to the way around them.
    fn onto(&self, x: &Tensor, hidden: Tensor) -> Result<Tensor> {
        match &self.shortcut {
            Some(shortcut) => shortcut.forward(x)? + hidden,
            None => x + hidden,
        }
    }
}

/// Norms of a block.
pub(super) const BLOCK_NORMS: usize = 2;
/// Rows to either side that a block's pixels depend on.
pub(super) const BLOCK_REACH: usize = 2;

/// Nearest-neighbour enlargement followed by a convolution.
pub(super) struct Upsample {
    conv: Conv2d,
}

impl Upsample {
    pub(super) fn load(weights: &Weights, channels: usize) -> Loaded<Self> {
        let conv = Conv2d::load(&weights.sub("conv"), channels, channels, 3, Conv2dGeometry::padded(1))?;
        Ok(Self { conv })
    }

    /// Enlarges to the given height and width.
    pub(super) fn forward(&self, x: &Tensor, height: usize, width: usize) -> Result<Tensor> {
        self.conv.forward(&x.upsample_nearest2d(height, width)?)
    }
}
