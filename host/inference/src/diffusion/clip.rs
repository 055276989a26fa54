//! CLIP text encoders as components of a model folder, and prompts that one or several of them read.

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::{D, Device, Error, Result, Tensor};

use super::folder::{ModelFolder, TRANSFORMERS_WEIGHTS};
use crate::text::{ClipConfig, ClipTextModel, ClipTokenizer};
use crate::weights::{Loaded, WeightFiles, Weights};

/// A CLIP encoder of a model on disk.
pub struct ClipPart {
    /// Dimensions.
    pub config: ClipConfig,
    pub(super) weights: Arc<WeightFiles>,
    tokenizer: PathBuf,
}

impl ClipPart {
    /// Reads the components of these names.
    pub(super) fn read(folder: &ModelFolder, encoder: &str, tokenizer: &str) -> Loaded<Self> {
        Ok(Self {
            config: ClipConfig::read(&folder.config(encoder)?)?,
            weights: folder.weights(encoder, TRANSFORMERS_WEIGHTS)?,
            tokenizer: folder.tokenizer(tokenizer, &["tokenizer.json", "vocab.json"])?,
        })
    }

    /// Loads tokenizer and encoder, the latter from its weights on a device.
    pub(super) fn load(&self, weights: &Weights, device: &Device) -> Loaded<ClipReader> {
        Ok(ClipReader {
            model: ClipTextModel::load(&self.config, weights, device)?,
            tokenizer: ClipTokenizer::load(&self.tokenizer, &self.config)?,
        })
    }
}

/// A loaded encoder with its tokenizer.
pub(super) struct ClipReader {
    pub(super) tokenizer: ClipTokenizer,
    pub(super) model: ClipTextModel,
}

/// What several encoders make of one prompt.
pub(super) struct JointStates {
    /// The hidden states side by side, (1, tokens, sum of widths).
    pub(super) states: Tensor,
    /// The vector of each encoder, (1, pooled width).
    pub(super) pooled: Vec<Tensor>,
    /// Tokens of the prompt that did not fit the window.
    pub(super) dropped_tokens: usize,
}

/// Reads a prompt with several encoders. Their states are those before their last `1 + clip_skip` layers, without the
/// final norm.
pub(super) fn read_jointly<'a>(
    readers: impl IntoIterator<Item = &'a ClipReader>,
    prompt: &str,
    clip_skip: usize,
) -> Result<JointStates> {
    let (mut states, mut pooled, mut dropped_tokens) = (Vec::new(), Vec::new(), 0);
    for reader in readers {
        let window = reader.tokenizer.window(prompt).map_err(Error::Msg)?;
        let read = reader.model.encode_pooled(&window.ids, 1 + clip_skip)?;
        states.push(read.hidden);
        pooled.push(read.pooled);
        dropped_tokens = window.dropped;
    }
    Ok(JointStates { states: Tensor::cat(&states, D::Minus1)?, pooled, dropped_tokens })
}
