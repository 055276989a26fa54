//! The feed-forward maps of a block.

use candle_core::{Result, Tensor};

use crate::nn::Projection;
use crate::tensor::{gelu_tanh, swiglu};
use crate::weights::{Loaded, Weights};

/// What happens between the maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::diffusion) enum Gating {
    /// GELU by a hyperbolic tangent.
    Gelu,
    /// SwiGLU: the first half, activated, times the second.
    SwiGlu,
}

impl Gating {
    /// Applies it to the last dimension.
    pub(in crate::diffusion) fn forward(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Gelu => gelu_tanh(x),
            Self::SwiGlu => swiglu(x),
        }
    }

    /// Width that goes in for one that comes out.
    pub(in crate::diffusion) fn input(self, output: usize) -> usize {
        match self {
            Self::Gelu => output,
            Self::SwiGlu => 2 * output,
        }
    }
}

/// Two linear maps with a gating between them.
pub(in crate::diffusion) struct FeedForward {
    input: Projection,
    gating: Gating,
    output: Projection,
}

impl FeedForward {
    /// Loads `net.0.proj` and `net.2` with biases around GELU, or `linear_in` and `linear_out` without around SwiGLU.
    pub(in crate::diffusion) fn load(
        weights: &Weights,
        width: usize,
        inner: usize,
        gating: Gating,
    ) -> Loaded<Self> {
        let (input, output, biased) = match gating {
            Gating::Gelu => ("net.0.proj", "net.2", true),
            Gating::SwiGlu => ("linear_in", "linear_out", false),
        };
        Ok(Self {
            input: Projection::load(&weights.sub(input), width, gating.input(inner), biased)?,
            gating,
            output: Projection::load(&weights.sub(output), inner, width, biased)?,
        })
    }

    /// Applies it to (1, tokens, width).
    pub(in crate::diffusion) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.output.forward(&self.gating.forward(&self.input.forward(x)?)?)
    }
}
