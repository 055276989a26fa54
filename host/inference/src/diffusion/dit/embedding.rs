//! Embeddings of numbers and vectors that steer all tokens: time, guidance, the pooled prompt.

use candle_core::{Device, Result, Tensor};

use crate::diffusion::unet::sinusoid;
use crate::nn::Projection;
use crate::tensor::silu;
use crate::weights::{Loaded, Weights};

/// A vector through two linear maps with SiLU between them.
pub(in crate::diffusion) struct VectorEmbedding {
    first: Projection,
    second: Projection,
}

impl VectorEmbedding {
    /// Loads `linear_1` and `linear_2`, with biases or without.
    pub(in crate::diffusion) fn load(
        weights: &Weights,
        input: usize,
        width: usize,
        biased: bool,
    ) -> Loaded<Self> {
        Ok(Self {
            first: Projection::load(&weights.sub("linear_1"), input, width, biased)?,
            second: Projection::load(&weights.sub("linear_2"), width, width, biased)?,
        })
    }

    /// Embeds (1, input) to (1, width).
    pub(in crate::diffusion) fn forward(&self, vector: &Tensor) -> Result<Tensor> {
        self.second.forward(&silu(&self.first.forward(vector)?)?)
    }
}

/// A timestep as FLUX takes it: passed as a share of 1000 and multiplied again. Sinusoids of numbers this large feel the
/// rounding.
pub(in crate::diffusion) fn passed_as_share(timestep: f64) -> f64 {
    f64::from(timestep as f32 / 1000.0 * 1000.0)
}

/// A number as sinusoids, cosines first, and these embedded.
pub(in crate::diffusion) struct NumberEmbedding {
    embedding: VectorEmbedding,
    waves: usize,
    device: Device,
}

impl NumberEmbedding {
    /// Loads the embedding of `waves` sinusoids.
    pub(in crate::diffusion) fn load(
        weights: &Weights,
        waves: usize,
        width: usize,
        biased: bool,
    ) -> Loaded<Self> {
        let embedding = VectorEmbedding::load(weights, waves, width, biased)?;
        Ok(Self { embedding, waves, device: weights.device().clone() })
    }

    /// The embedding of a number, (1, width).
    pub(in crate::diffusion) fn forward(&self, number: f64) -> Result<Tensor> {
        let waves = sinusoid(number as f32, self.waves, 0.0, true);
        self.embedding.forward(&Tensor::from_vec(waves, (1, self.waves), &self.device)?)
    }
}
