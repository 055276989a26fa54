//! The hidden states of a decoder's first layers, for models that read them instead of its logits.

use candle_core::{Result, Tensor, bail};

use super::DecoderConfig;
use super::layer::Layer;
use super::rotation::Rotation;
use super::source::{DecoderWeights, Embedding};
use crate::weights::Loaded;

/// The first layers of a decoder.
pub struct StateReader {
    embedding: Embedding,
    layers: Vec<Layer>,
    rotation: Rotation,
    vocabulary: usize,
    context: usize,
}

impl StateReader {
    /// Loads the embeddings and the first `layers` layers.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &DecoderConfig, weights: &DecoderWeights, layers: usize) -> Loaded<Self> {
        Ok(Self {
            embedding: weights.embedding(config.vocabulary, config.width)?,
            layers: (0..layers).map(|i| Layer::load(config, weights, i)).collect::<Loaded<_>>()?,
            rotation: Rotation::new(&config.rotation, config.head_width, weights.device()),
            vocabulary: config.vocabulary,
            context: config.context,
        })
    }

    /// The states (1, ids, width) after each of the layers whose numbers, from 1, rise in `after`. The ids from `text`
    /// on are padding: they see the text, and nothing sees them.
    ///
    /// # Errors
    /// There is no text, an id is outside the vocabulary, or there are more than the context or fewer layers.
    pub fn states(&self, ids: &[u32], text: usize, after: &[usize]) -> Result<Vec<Tensor>> {
        if text == 0 || text > ids.len() || ids.len() > self.context {
            bail!("{} tokens with {text} of text do not fit a context of {}", ids.len(), self.context);
        }
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.vocabulary) {
            bail!("token {id} is outside the vocabulary of {}", self.vocabulary);
        }
        let angles = self.rotation.angles(0, ids.len())?;
        let mut hidden = self.embedding.rows(ids)?;
        let mut states = Vec::new();
        for (layer, number) in self.layers.iter().zip(1..) {
            hidden = layer.forward_padded(&hidden, &angles, text)?;
            if after.contains(&number) {
                states.push(hidden.clone());
            }
        }
        if states.len() != after.len() {
            bail!("there are no states after the layers {after:?} of {}", self.layers.len());
        }
        Ok(states)
    }
}
