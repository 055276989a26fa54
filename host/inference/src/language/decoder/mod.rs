//! A decoder-only transformer with cached keys and values: Llama (SmolLM2), Qwen2 (Qwen2.5) and Qwen3.
//!
//! Written after transformers' `modeling_llama.py`, `modeling_qwen2.py` and `modeling_qwen3.py`.

mod cache;
mod config;
mod layer;
mod rotation;
mod source;
mod states;

pub use cache::KeyValueCache;
pub use config::{DecoderConfig, Family};
pub use rotation::{RotationConfig, Stretch};
pub use source::DecoderWeights;
pub use states::StateReader;

use candle_core::{Result, Tensor, bail};

use crate::nn::{Projection, RmsNorm};
use crate::weights::Loaded;
use layer::Layer;
use rotation::Rotation;
use source::Embedding;

/// A decoder with its weights.
pub struct Decoder {
    config: DecoderConfig,
    embedding: Embedding,
    layers: Vec<Layer>,
    norm: RmsNorm,
    head: Projection,
    rotation: Rotation,
    weights_device: candle_core::Device,
}

impl Decoder {
    /// Loads the weights.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &DecoderConfig, weights: &DecoderWeights) -> Loaded<Self> {
        let device = weights.device();
        let embedding = weights.embedding(config.vocabulary, config.width)?;
        let head = weights.head(&embedding, config.tied, (config.vocabulary, config.width))?;
        let layers = (0..config.layers).map(|i| Layer::load(config, weights, i)).collect::<Loaded<_>>()?;
        Ok(Self {
            embedding,
            layers,
            norm: RmsNorm::new(weights.final_norm(config.width)?, config.eps),
            head,
            rotation: Rotation::new(&config.rotation, config.head_width, device),
            weights_device: device.clone(),
            config: config.clone(),
        })
    }

    /// Its dimensions.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// An empty cache for at most `capacity` tokens.
    ///
    /// # Errors
    /// `capacity` is 0 or beyond the context.
    pub fn cache(&self, capacity: usize) -> Result<KeyValueCache> {
        if capacity == 0 || capacity > self.config.context {
            bail!("a cache for {capacity} tokens does not fit a context of {}", self.config.context);
        }
        KeyValueCache::new(self.layers.len(), capacity, self.config.key_width(), &self.weights_device)
    }

    /// Appends `ids` to what the cache holds; gives the logits after the last of them, (1, 1, vocabulary).
    ///
    /// # Errors
    /// No ids, an id outside the vocabulary, or more than the cache has room for.
    pub fn next(&self, ids: &[u32], cache: &mut KeyValueCache) -> Result<Tensor> {
        // Within the thread pool: hundreds of small kernels would each wait for it to wake up.
        rayon::scope(|_| {
            let hidden = self.hidden(ids, cache)?;
            self.head.forward(&self.norm.forward(&hidden.narrow(1, ids.len() - 1, 1)?)?)
        })
    }

    /// As [`Decoder::next`], but gives the logits after each of the ids, (1, ids, vocabulary).
    ///
    /// # Errors
    /// As [`Decoder::next`].
    pub fn every(&self, ids: &[u32], cache: &mut KeyValueCache) -> Result<Tensor> {
        let hidden = self.hidden(ids, cache)?;
        self.head.forward(&self.norm.forward(&hidden)?)
    }

    fn hidden(&self, ids: &[u32], cache: &mut KeyValueCache) -> Result<Tensor> {
        if ids.is_empty() || ids.len() > cache.room() {
            bail!("{} tokens do not fit the {} places left in the cache", ids.len(), cache.room());
        }
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.config.vocabulary) {
            bail!("token {id} is outside the vocabulary of {}", self.config.vocabulary);
        }
        let angles = self.rotation.angles(cache.length(), ids.len())?;
        let mut hidden = self.embedding.rows(ids)?;
        for (number, layer) in self.layers.iter().enumerate() {
            hidden = layer.forward(&hidden, &angles, cache, number)?;
        }
        cache.advance(ids.len());
        Ok(hidden)
    }
}
