//! A block whose attention and feed-forward maps run side by side over text and image as one sequence (Dehghani et al.,
//! arXiv 2302.05442).

use candle_core::{Result, Tensor};

use super::stream::HeadNorms;
use super::{Angles, Gating, Heads, Modulation};
use crate::nn::Projection;
use crate::tensor::{Attention, attention, side_by_side};
use crate::weights::{Loaded, Weights};

/// The block's weights.
pub(in crate::diffusion) struct ParallelBlock {
    /// Queries, keys, values and the inner states side by side.
    input: Projection,
    norms: HeadNorms,
    gating: Gating,
    /// From attention and inner states side by side.
    output: Projection,
    width: usize,
    inner: usize,
    attention: Attention,
}

impl ParallelBlock {
    /// A block of its maps; `weights` are those of the norms of its heads, `inner` is the width inside.
    pub(in crate::diffusion) fn new(
        input: Projection,
        output: Projection,
        weights: &Weights,
        heads: Heads,
        (inner, gating): (usize, Gating),
    ) -> Loaded<Self> {
        let attention = Attention { operands: input.operand(), ..Attention::full(heads.count) };
        Ok(Self {
            input,
            norms: HeadNorms::load(weights, ["norm_q", "norm_k"], heads)?,
            gating,
            output,
            width: heads.total(),
            inner: gating.input(inner),
            attention,
        })
    }

    /// Takes (1, tokens, width) through the block.
    pub(in crate::diffusion) fn forward(
        &self,
        x: &Tensor,
        by: &Modulation,
        angles: &Angles,
    ) -> Result<Tensor> {
        let inputs = self.input.forward(&by.norm(x)?)?;
        let part = |i: usize| inputs.narrow(2, i * self.width, self.width);
        let q = angles.turn(&self.norms.query.forward(&part(0)?)?)?;
        let k = angles.turn(&self.norms.key.forward(&part(1)?)?)?;
        let attended = attention(&q, &k, &part(2)?, self.attention)?;
        let inner = self.gating.forward(&inputs.narrow(2, 3 * self.width, self.inner)?)?;
        by.add(x, &self.output.forward(&side_by_side(&[&attended, &inner])?)?)
    }
}
