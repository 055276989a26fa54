//! Rotary embedding by place: each token has a coordinate on several axes, and each axis turns its own part of every
//! head.

use candle_core::{Device, Result, Tensor};

use super::Heads;
use crate::tensor::{Pairing, rope};
use crate::weights::{ConfigFile, Loaded};

/// How places turn heads.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::diffusion) struct PlaceRotation {
    /// Widths of the parts of a head, one per axis; even.
    pub(in crate::diffusion) axes: Vec<usize>,
    /// Base of the geometric series of frequencies.
    pub(in crate::diffusion) theta: f64,
}

/// Cosines and sines of some places, (places, head width / 2) each.
pub(in crate::diffusion) struct Angles {
    cos: Tensor,
    sin: Tensor,
}

impl PlaceRotation {
    /// Reads `axes_dims_rope` for heads; published files leave it out where it is the `usual` one.
    pub(in crate::diffusion) fn read<const N: usize>(
        config: &ConfigFile,
        heads: Heads,
        usual: [usize; N],
        theta: f64,
    ) -> Loaded<Self> {
        let axes = match config.get("axes_dims_rope") {
            Some(_) => config.sizes("axes_dims_rope", heads.width)?,
            None => usual.to_vec(),
        };
        let fits = axes.len() == N && axes.iter().sum::<usize>() == heads.width;
        if !fits || axes.iter().any(|width| !width.is_multiple_of(2)) {
            let problem = format!("{axes:?} are not {N} even parts of heads of {}", heads.width);
            return Err(config.problem("axes_dims_rope", problem));
        }
        Ok(Self { axes, theta })
    }

    /// The angles of places, whose coordinates come in the order of the axes.
    pub(in crate::diffusion) fn angles<const N: usize>(
        &self,
        places: &[[usize; N]],
        device: &Device,
    ) -> Result<Angles> {
        let frequencies: Vec<Vec<f64>> = self.axes.iter().map(|width| self.frequencies(*width)).collect();
        let angles: Vec<f64> = places
            .iter()
            .flat_map(|place| place.iter().zip(&frequencies))
            .flat_map(|(&at, frequencies)| frequencies.iter().map(move |f| f * at as f64))
            .collect();
        let shape = (places.len(), self.axes.iter().sum::<usize>() / 2);
        let of = |function: fn(f64) -> f64| {
            Tensor::from_iter(angles.iter().map(|a| function(*a) as f32), device)?.reshape(shape)
        };
        Ok(Angles { cos: of(f64::cos)?, sin: of(f64::sin)? })
    }

    fn frequencies(&self, width: usize) -> Vec<f64> {
        (0..width / 2).map(|i| self.theta.powf(-2.0 * i as f64 / width as f64)).collect()
    }
}

impl Angles {
    /// Turns `x` (1, places, heads * head width).
    pub(in crate::diffusion) fn turn(&self, x: &Tensor) -> Result<Tensor> {
        rope(x, &self.cos, &self.sin, Pairing::Neighbours)
    }
}
