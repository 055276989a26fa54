//! One transformer layer: attention over the cache, then the gated feed-forward maps.

use candle_core::{Result, Tensor};

use super::cache::KeyValueCache;
use super::config::{DecoderConfig, Family};
use super::rotation::Angles;
use super::source::{DecoderWeights, Part};
use crate::nn::{Projection, RmsNorm};
use crate::tensor::{Attention, attention, swiglu};
use crate::weights::Loaded;

pub(super) struct Layer {
    attention_norm: RmsNorm,
    /// Queries, keys and values side by side.
    qkv: Projection,
    /// Per-head norms of queries and keys.
    head_norms: Option<(RmsNorm, RmsNorm)>,
    out: Projection,
    feed_forward_norm: RmsNorm,
    /// Gate and inner state side by side.
    gate_up: Projection,
    down: Projection,
    attention: Attention,
    query_width: usize,
    key_width: usize,
}

impl Layer {
    pub(super) fn load(config: &DecoderConfig, weights: &DecoderWeights, number: usize) -> Loaded<Self> {
        let (width, inner) = (config.width, config.inner_width);
        let (query_width, key_width) = (config.query_width(), config.key_width());
        let norm = |part, width| Ok(RmsNorm::new(weights.vector(number, part, width)?, config.eps));
        let head_norms = match config.family {
            Family::Qwen3 => {
                Some((norm(Part::QueryNorm, config.head_width)?, norm(Part::KeyNorm, config.head_width)?))
            }
            Family::Llama | Family::Qwen2 => None,
        };
        let qkv = [(Part::Query, query_width), (Part::Key, key_width), (Part::Value, key_width)];
        let gate_up = [(Part::Gate, inner), (Part::Up, inner)];
        Ok(Self {
            attention_norm: norm(Part::AttentionNorm, width)?,
            qkv: weights.projection(number, &qkv, width, config.biased)?,
            head_norms,
            out: weights.projection(number, &[(Part::Output, width)], query_width, config.biased_output)?,
            feed_forward_norm: norm(Part::FeedForwardNorm, width)?,
            gate_up: weights.projection(number, &gate_up, width, false)?,
            down: weights.projection(number, &[(Part::Down, width)], inner, false)?,
            attention: Attention::causal(config.heads),
            query_width,
            key_width,
        })
    }

    /// Takes (1, tokens, width) through the layer; keys and values go to the cache under its `number`.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        angles: &Angles,
        cache: &KeyValueCache,
        number: usize,
    ) -> Result<Tensor> {
        let [q, k, v] = self.project(x, angles)?;
        let (k, v) = cache.append(number, &k, &v)?;
        self.finish(x, &attention(&q, &k, &v, self.attention)?)
    }

    /// Takes (1, tokens, width) through the layer without a cache, where only the first `text` tokens are seen: by
    /// themselves as always, and by the padding after them, which sees all of them and nothing else.
    pub(super) fn forward_padded(&self, x: &Tensor, angles: &Angles, text: usize) -> Result<Tensor> {
        let tokens = x.dim(1)?;
        let [q, k, v] = self.project(x, angles)?;
        let (k, v) = (k.narrow(1, 0, text)?, v.narrow(1, 0, text)?);
        let mut attended = attention(&q.narrow(1, 0, text)?, &k, &v, self.attention)?;
        if tokens > text {
            let whole = Attention { causal: false, ..self.attention };
            let padding = attention(&q.narrow(1, text, tokens - text)?, &k, &v, whole)?;
            attended = Tensor::cat(&[attended, padding], 1)?;
        }
        self.finish(x, &attended)
    }

    /// Queries, keys and values; the first two are turned.
    fn project(&self, x: &Tensor, angles: &Angles) -> Result<[Tensor; 3]> {
        let qkv = self.qkv.forward(&self.attention_norm.forward(x)?)?;
        let mut q = qkv.narrow(2, 0, self.query_width)?;
        let mut k = qkv.narrow(2, self.query_width, self.key_width)?;
        let v = qkv.narrow(2, self.query_width + self.key_width, self.key_width)?;
        if let Some((query_norm, key_norm)) = &self.head_norms {
            (q, k) = (query_norm.forward(&q)?, key_norm.forward(&k)?);
        }
        Ok([angles.turn(&q)?, angles.turn(&k)?, v])
    }

    /// What comes after the attention.
    fn finish(&self, x: &Tensor, attended: &Tensor) -> Result<Tensor> {
        let x = (x + self.out.forward(attended)?)?;
        let inner = swiglu(&self.gate_up.forward(&self.feed_forward_norm.forward(&x)?)?)?;
        x + self.down.forward(&inner)?
    }
}
