//! What diffusion transformers share: modulated norms, joint and parallel blocks, rotations by place, embeddings.
//! They compute one picture at a time.

mod embedding;
mod feed_forward;
mod joint;
mod modulation;
mod parallel;
mod rotation;
mod stream;

pub(super) use embedding::{NumberEmbedding, VectorEmbedding, passed_as_share};
pub(super) use feed_forward::{FeedForward, Gating};
pub(super) use joint::{JointBlock, JointModulation, JointShape};
pub(super) use modulation::{Modulation, Modulator, final_modulation};
pub(super) use parallel::ParallelBlock;
pub(super) use rotation::{Angles, PlaceRotation};

use crate::weights::{ConfigFile, Loaded};

/// Added to variances in all norms.
pub(super) const EPS: f64 = 1e-6;

/// Most channels that a configuration may ask for.
const MAX_CHANNELS: usize = 1 << 12;

/// The channels that come in, and go out again.
pub(super) fn read_channels(config: &ConfigFile) -> Loaded<usize> {
    let channels = config.size("in_channels", MAX_CHANNELS)?;
    match config.integer_or("out_channels", channels)? {
        out if out == channels => Ok(channels),
        out => {
            let problem =
                format!("{channels}, but {out} go out; control and inpainting networks are not supported");
            Err(config.problem("in_channels", problem))
        }
    }
}

/// Heads of a transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heads {
    /// How many.
    pub(super) count: usize,
    /// Width of each.
    pub(super) width: usize,
}

impl Heads {
    /// Width of the hidden states.
    pub(super) fn total(self) -> usize {
        self.count * self.width
    }
}
