//! The projections of one stream of tokens around attention.

use candle_core::{Result, Tensor};

use super::{EPS, Heads};
use crate::nn::{Projection, RmsNorm};
use crate::tensor::Operand;
use crate::weights::{Loaded, Weights};

/// Tensor names of a stream's projections.
#[derive(Clone, Copy)]
pub(in crate::diffusion) struct StreamNames {
    qkv: [&'static str; 3],
    norms: [&'static str; 2],
    out: &'static str,
}

impl StreamNames {
    /// Those of the image.
    pub(in crate::diffusion) const IMAGE: Self =
        Self { qkv: ["to_q", "to_k", "to_v"], norms: ["norm_q", "norm_k"], out: "to_out.0" };
    /// Those of the text.
    pub(in crate::diffusion) const TEXT: Self = Self {
        qkv: ["add_q_proj", "add_k_proj", "add_v_proj"],
        norms: ["norm_added_q", "norm_added_k"],
        out: "to_add_out",
    };
}

/// Projections to queries, keys and values and, where the stream goes on, out of the attention.
pub(in crate::diffusion) struct Stream {
    qkv: Projection,
    norms: Option<HeadNorms>,
    out: Option<Projection>,
    width: usize,
}

impl Stream {
    /// Loads the projections of `heads` from an attention's weights; `last` leaves out the one out of it.
    pub(in crate::diffusion) fn load(
        weights: &Weights,
        names: StreamNames,
        heads: Heads,
        options: StreamOptions,
    ) -> Loaded<Self> {
        let width = heads.total();
        let norms = options.normalised.then(|| HeadNorms::load(weights, names.norms, heads)).transpose()?;
        let out = || Projection::load(&weights.sub(names.out), width, width, options.biased);
        Ok(Self {
            qkv: Projection::side_by_side(
                weights,
                &names.qkv.map(|name| (name, width)),
                width,
                options.biased,
            )?,
            norms,
            out: (!options.last).then(out).transpose()?,
            width,
        })
    }

    /// Queries, keys and values of (1, tokens, width).
    pub(in crate::diffusion) fn project(&self, x: &Tensor) -> Result<[Tensor; 3]> {
        let qkv = self.qkv.forward(x)?;
        let part = |i: usize| qkv.narrow(2, i * self.width, self.width);
        match &self.norms {
            Some(norms) => Ok([norms.query.forward(&part(0)?)?, norms.key.forward(&part(1)?)?, part(2)?]),
            None => Ok([part(0)?, part(1)?, part(2)?]),
        }
    }

    /// How exactly queries, keys and values are known.
    pub(in crate::diffusion) fn operand(&self) -> Operand {
        self.qkv.operand()
    }

    /// What comes out of the attention, projected; none where the stream ends.
    pub(in crate::diffusion) fn project_out(&self, attended: &Tensor) -> Result<Option<Tensor>> {
        self.out.as_ref().map(|out| out.forward(attended)).transpose()
    }
}

/// How a stream's projections are built.
#[derive(Clone, Copy)]
pub(in crate::diffusion) struct StreamOptions {
    /// True if the linear maps have biases.
    pub(in crate::diffusion) biased: bool,
    /// True if queries and keys are normalised per head.
    pub(in crate::diffusion) normalised: bool,
    /// True if the stream ends here.
    pub(in crate::diffusion) last: bool,
}

/// Norms of queries and keys, per head.
pub(super) struct HeadNorms {
    pub(super) query: RmsNorm,
    pub(super) key: RmsNorm,
}

impl HeadNorms {
    pub(super) fn load(weights: &Weights, [query, key]: [&str; 2], heads: Heads) -> Loaded<Self> {
        let norm = |name: &str| Ok(RmsNorm::new(weights.sub(name).tensor("weight", &[heads.width])?, EPS));
        Ok(Self { query: norm(query)?, key: norm(key)? })
    }
}
