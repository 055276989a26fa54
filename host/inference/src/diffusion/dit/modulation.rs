//! Norms without weights of their own whose scale, shift and gate come from the time and the prompt (Peebles and Xie,
//! arXiv 2212.09748).

use candle_core::{D, Result, Tensor, bail};

use super::EPS;
use crate::nn::Projection;
use crate::tensor::{add_scaled_columns, layer_norm};
use crate::weights::{Loaded, Weights};

/// Scale, shift and gate around one part of a block, each (width).
pub(in crate::diffusion) struct Modulation {
    shift: Tensor,
    /// One more than what is learnt.
    scale: Tensor,
    gate: Option<Tensor>,
}

impl Modulation {
    fn new(shift: &Tensor, scale: &Tensor, gate: Option<&Tensor>) -> Result<Self> {
        Ok(Self { shift: shift.clone(), scale: (scale + 1.0)?, gate: gate.cloned() })
    }

    /// The norm of `x` (1, tokens, width), scaled and shifted.
    pub(in crate::diffusion) fn norm(&self, x: &Tensor) -> Result<Tensor> {
        layer_norm(x, &self.scale, &self.shift, EPS)
    }

    /// `x` plus what a part made of it, through the gate.
    pub(in crate::diffusion) fn add(&self, x: &Tensor, part: &Tensor) -> Result<Tensor> {
        match &self.gate {
            Some(gate) => add_scaled_columns(x, part, gate),
            None => x + part,
        }
    }
}

/// The map from the activated embedding of time and prompt to modulations.
pub(in crate::diffusion) struct Modulator {
    linear: Projection,
}

impl Modulator {
    /// Loads `linear` for `parts` vectors of a width, with a bias or without.
    pub(in crate::diffusion) fn load(
        weights: &Weights,
        width: usize,
        parts: usize,
        biased: bool,
    ) -> Loaded<Self> {
        Ok(Self { linear: Projection::load(&weights.sub("linear"), width, parts * width, biased)? })
    }

    /// Modulations from vectors in the order shift, scale, gate; `embedding` (1, width) is activated.
    pub(in crate::diffusion) fn forward<const N: usize>(
        &self,
        embedding: &Tensor,
    ) -> Result<[Modulation; N]> {
        let vectors = self.linear.forward(embedding)?.squeeze(0)?.chunk(3 * N, D::Minus1)?;
        let modulations = vectors.chunks(3).map(|parts| match parts {
            [shift, scale, gate] => Modulation::new(shift, scale, Some(gate)),
            _ => bail!("a modulation has three parts"),
        });
        match modulations.collect::<Result<Vec<_>>>()?.try_into() {
            Ok(modulations) => Ok(modulations),
            Err(_) => bail!("the modulations do not divide into {N}"),
        }
    }

    /// The modulation from two vectors in the order scale, shift, without a gate.
    pub(in crate::diffusion) fn scale_and_shift(&self, embedding: &Tensor) -> Result<Modulation> {
        match self.linear.forward(embedding)?.squeeze(0)?.chunk(2, D::Minus1)?.as_slice() {
            [scale, shift] => Modulation::new(shift, scale, None),
            _ => bail!("the modulation has two parts"),
        }
    }
}

/// The last norm of a transformer: `x` (1, tokens, width) by the modulation that `norm_out` makes.
pub(in crate::diffusion) fn final_modulation(
    norm_out: &Modulator,
    x: &Tensor,
    embedding: &Tensor,
) -> Result<Tensor> {
    norm_out.scale_and_shift(embedding)?.norm(x)
}
