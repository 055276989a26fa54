//! How the tensors of a Florence-2 file are called: by Microsoft, or by transformers.

use crate::weights::{Loaded, Weights};

/// Whose names a file uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Those of Microsoft's own files and of fine-tunes made from them.
    Microsoft,
    /// Those that transformers writes.
    Transformers,
}

/// Which of the two attentions a vision block has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// Between the tokens of a window.
    Window,
    /// Between channels.
    Channel,
}

/// Where the parts of a vision block lie.
pub struct BlockNames {
    /// Depthwise convolution before attention.
    pub conv1: Weights,
    /// Norm before attention.
    pub norm1: Weights,
    /// Attention's projections.
    pub attention: Weights,
    /// Depthwise convolution before the feed-forward layers.
    pub conv2: Weights,
    /// Norm before the feed-forward layers.
    pub norm2: Weights,
    /// The feed-forward layers.
    pub feed_forward: Weights,
}

/// Where the parts of the projection lie.
pub struct ProjectorNames {
    /// Learned positions.
    pub positions: Weights,
    /// The norm.
    pub norm: Weights,
}

impl Names {
    /// Finds out whose names a file uses.
    pub fn of(weights: &Weights) -> Self {
        if weights.contains("vision_tower.convs.0.proj.weight") {
            Self::Microsoft
        } else {
            Self::Transformers
        }
    }

    /// The vision tower.
    pub fn tower(self, weights: &Weights) -> Weights {
        weights.sub(if self == Self::Microsoft { "vision_tower" } else { "model.vision_tower" })
    }

    /// The convolution that begins a stage of the tower, below `convs.N`.
    pub fn patches(self, stage: &Weights) -> Weights {
        stage.sub(if self == Self::Microsoft { "proj" } else { "conv" })
    }

    /// The parts of a block of the tower, below `blocks.N.M`.
    pub fn block(self, blocks: &Weights, kind: BlockKind) -> BlockNames {
        let (block, attention) = match kind {
            BlockKind::Window => (blocks.sub("spatial_block"), "window_attn"),
            BlockKind::Channel => (blocks.sub("channel_block"), "channel_attn"),
        };
        match self {
            // Every part is wrapped with its norm or in a residual there.
            Self::Microsoft => BlockNames {
                conv1: block.sub("conv1.fn.dw"),
                norm1: block.sub(attention).sub("norm"),
                attention: block.sub(attention).sub("fn"),
                conv2: block.sub("conv2.fn.dw"),
                norm2: block.sub("ffn.norm"),
                feed_forward: block.sub("ffn.fn.net"),
            },
            Self::Transformers => BlockNames {
                conv1: block.sub("conv1"),
                norm1: block.sub("norm1"),
                attention: block.sub(attention),
                conv2: block.sub("conv2"),
                norm2: block.sub("norm2"),
                feed_forward: block.sub("ffn"),
            },
        }
    }

    /// The parts of the projection from the tower to the text model.
    pub fn projector(self, weights: &Weights) -> ProjectorNames {
        match self {
            Self::Microsoft => ProjectorNames {
                positions: weights.sub("image_pos_embed"),
                norm: weights.sub("image_proj_norm"),
            },
            Self::Transformers => {
                let projector = weights.sub("model.multi_modal_projector");
                ProjectorNames {
                    positions: projector.sub("image_position_embed"),
                    norm: projector.sub("image_proj_norm"),
                }
            }
        }
    }

    /// The matrix of the projection as (out, in); Microsoft stores it transposed.
    ///
    /// # Errors
    /// It is missing or has another shape.
    pub fn projection(self, weights: &Weights, input: usize, output: usize) -> Loaded<candle_core::Tensor> {
        match self {
            Self::Microsoft => {
                let stored = weights.tensor("image_projection", &[input, output])?;
                stored.t().and_then(|t| t.contiguous()).map_err(|e| weights.failed(e))
            }
            Self::Transformers => {
                let projector = weights.sub("model.multi_modal_projector");
                projector.tensor("image_projection.weight", &[output, input])
            }
        }
    }

    /// The text model, and where its output layer lies.
    pub fn text(self, weights: &Weights) -> (Weights, Weights) {
        match self {
            Self::Microsoft => (weights.sub("language_model.model"), weights.sub("language_model")),
            Self::Transformers => (weights.sub("model.language_model"), weights.clone()),
        }
    }
}
