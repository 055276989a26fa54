//! CLIP text encoders as components of a model, and prompts that one or several of them read.
//!
//! Words are weighed by what AUTOMATIC1111's web interface calls "Original": their states are multiplied, and then all
//! states of the window are scaled so that their mean is what it was.

use std::sync::Arc;

use candle_core::{D, Device, Error, Result, Tensor};

use super::components::{Components, TRANSFORMERS_WEIGHTS};
use super::pipeline::Wording;
use crate::prompt::Piece;
use crate::text::{Chunk, ClipConfig, ClipTextModel, ClipTokenizer, Token, TokenizerSource};
use crate::weights::{Loaded, WeightFiles, Weights};

/// A CLIP encoder of a model on disk.
pub struct ClipPart {
    /// Dimensions.
    pub config: ClipConfig,
    pub(super) weights: Arc<WeightFiles>,
    tokenizer: TokenizerSource,
}

impl ClipPart {
    /// Reads the components of these names.
    pub(super) fn read(components: &Components, encoder: &str, tokenizer: &str) -> Loaded<Self> {
        Ok(Self {
            config: ClipConfig::read(&components.config(encoder)?)?,
            weights: components.weights(encoder, TRANSFORMERS_WEIGHTS)?,
            tokenizer: components.tokenizer(tokenizer, &["tokenizer.json", "vocab.json"])?,
        })
    }

    /// Whether a tensor of its files is loaded: those of its layers, of which a file may hold one more than a model takes,
    /// and the projection where it is asked for.
    pub(super) fn reads(&self, name: &str) -> bool {
        match name.split_once("encoder.layers.") {
            Some((_, rest)) => {
                let number = rest.split('.').next().and_then(|number| number.parse::<usize>().ok());
                number.is_none_or(|number| number < self.config.layers)
            }
            None => self.config.projection.is_some() || !name.starts_with("text_projection."),
        }
    }

    /// Loads tokenizer and encoder, the latter from its weights on a device.
    pub(super) fn load(&self, weights: &Weights, device: &Device) -> Loaded<ClipReader> {
        Ok(ClipReader {
            model: ClipTextModel::load(&self.config, weights, device)?,
            tokenizer: ClipTokenizer::load(self.tokenizer.clone(), &self.config)?,
        })
    }
}

/// A loaded encoder with its tokenizer.
pub(super) struct ClipReader {
    pub(super) tokenizer: ClipTokenizer,
    pub(super) model: ClipTextModel,
}

impl ClipReader {
    /// The windows of a text, with empty ones after them until there are as many as were asked for.
    pub(super) fn windows(&self, wording: &Wording<'_>) -> Result<Vec<Chunk>> {
        let mut tokens = Vec::new();
        for piece in &wording.text.pieces {
            match piece {
                Piece::Words { text, weight } => {
                    let ids = self.tokenizer.words(text).map_err(Error::Msg)?;
                    tokens.extend(ids.into_iter().map(|id| Token::Word { id, weight: *weight }));
                }
                Piece::Embedding { which, weight } => {
                    if let Some(rows) = wording.rows(*which, self.model.width()) {
                        tokens.push(Token::Vectors { which: *which, count: rows.dim(0)?, weight: *weight });
                    }
                }
                Piece::Break => tokens.push(Token::Break),
            }
        }
        let mut windows = self.tokenizer.chunks(&tokens);
        while windows.len() < wording.windows {
            windows.extend(self.tokenizer.chunks(&[]));
        }
        Ok(windows)
    }

    /// The states of a text (1, tokens of all windows, width), through the final norm.
    pub(super) fn read(&self, wording: &Wording<'_>) -> Result<Tensor> {
        let states = self.windows(wording)?.into_iter().map(|window| {
            let rows = self.rows(&window, wording)?;
            weighed(self.model.encode_rows(&rows, wording.clip_skip)?, &window.weights)
        });
        Tensor::cat(&states.collect::<Result<Vec<_>>>()?, 1)
    }

    /// The rows that a window's ids stand for, with those of embeddings in their places.
    fn rows(&self, window: &Chunk, wording: &Wording<'_>) -> Result<Tensor> {
        let mut rows = self.model.rows(&window.ids)?;
        for mixed in &window.mixed {
            let Some(own) = wording.rows(mixed.which, self.model.width()) else { continue };
            let room = window.ids.len().saturating_sub(1 + mixed.first);
            let own = own.narrow(0, 0, own.dim(0)?.min(room))?;
            rows = rows.slice_scatter(&own, 0, mixed.first)?;
        }
        Ok(rows)
    }
}

/// The states (1, tokens, width) of a window weighed token by token.
fn weighed(states: Tensor, weights: &[f64]) -> Result<Tensor> {
    if weights.iter().all(|weight| *weight == 1.0) {
        return Ok(states);
    }
    let mean = |states: &Tensor| states.mean_all()?.to_scalar::<f32>();
    let before = mean(&states)?;
    let weights: Vec<f32> = weights.iter().map(|weight| *weight as f32).collect();
    let weights = Tensor::from_vec(weights, (1, states.dim(1)?, 1), states.device())?;
    let states = states.broadcast_mul(&weights)?;
    let restored = f64::from(before / mean(&states)?);
    // Weights of which nothing is left have no mean to restore.
    if restored.is_finite() { states * restored } else { Ok(states) }
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

/// The windows that several encoders need for a text.
pub(super) fn windows_of<'a>(
    readers: impl IntoIterator<Item = &'a ClipReader>,
    wording: &Wording<'_>,
) -> Result<usize> {
    let mut most = wording.windows;
    for reader in readers {
        most = most.max(reader.windows(wording)?.len());
    }
    Ok(most)
}

/// As [`read_jointly`], with weighed words, embeddings, and as many windows as the text takes. The vectors are those of
/// the first window.
pub(super) fn read_windows_jointly(readers: &[&ClipReader], wording: &Wording<'_>) -> Result<JointStates> {
    let windows = windows_of(readers.iter().copied(), wording)?;
    let wording = Wording { windows, ..*wording };
    let (mut states, mut pooled) = (Vec::new(), Vec::new());
    for reader in readers {
        let mut own = Vec::new();
        for (place, window) in reader.windows(&wording)?.iter().enumerate() {
            let rows = reader.rows(window, &wording)?;
            let read = reader.model.encode_rows_pooled(&window.ids, &rows, 1 + wording.clip_skip)?;
            own.push(weighed(read.hidden, &window.weights)?);
            if place == 0 {
                pooled.push(read.pooled);
            }
        }
        states.push(Tensor::cat(&own, 1)?);
    }
    Ok(JointStates { states: Tensor::cat(&states, D::Minus1)?, pooled, dropped_tokens: 0 })
}
