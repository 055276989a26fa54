//! Rectifying activations, which convolutions apply to their results before they leave the cache.

use candle_core::{Result, Tensor, bail};

use super::vector::wide;

/// What becomes of negative values; positive ones stay.
#[derive(Debug, Clone, PartialEq)]
pub enum Rectifier {
    /// They stay too.
    None,
    /// They are multiplied by a slope: 0 for ReLU, 0.2 for the leaky ReLU of ESRGAN.
    Leaky(f32),
    /// They are multiplied by the slope of their channel (PReLU).
    PerChannel(Vec<f32>),
}

impl Rectifier {
    /// ReLU.
    pub const RELU: Self = Self::Leaky(0.0);

    /// True if `channels` channels have their slopes.
    pub(super) fn fits(&self, channels: usize) -> bool {
        !matches!(self, Self::PerChannel(slopes) if slopes.len() != channels)
    }

    /// What negative values of a channel are multiplied by.
    pub(super) fn slope(&self, channel: usize) -> f32 {
        match self {
            Self::None => 1.0,
            Self::Leaky(slope) => *slope,
            Self::PerChannel(slopes) => slopes.get(channel).copied().unwrap_or(1.0),
        }
    }

    /// Rectifies values of one channel in place.
    pub(super) fn rectify(&self, channel: usize, values: &mut [f32]) {
        if *self != Self::None {
            rectify_slice(values, self.slope(channel));
        }
    }

    /// Rectifies (batch, channels, height, width) by stock operations.
    pub(super) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let negative = match self {
            Self::None => return Ok(x.clone()),
            Self::Leaky(0.0) => return x.relu(),
            Self::Leaky(slope) => (x.minimum(0f64)? * f64::from(*slope))?,
            Self::PerChannel(slopes) => {
                let slopes = Tensor::new(slopes.as_slice(), x.device())?.to_dtype(x.dtype())?;
                if slopes.elem_count() != x.dim(1)? {
                    bail!("rectifier: {} slopes for {} channels", slopes.elem_count(), x.dim(1)?);
                }
                x.minimum(0f64)?.broadcast_mul(&slopes.reshape((1, (), 1, 1))?)?
            }
        };
        x.relu()? + negative
    }
}

wide! {
    fn rectify_slice(values: &mut [f32], slope: f32) {
        for value in values.iter_mut() {
            *value = value.max(0.0) + slope * value.min(0.0);
        }
    }
}
