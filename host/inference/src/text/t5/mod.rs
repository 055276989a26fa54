//! T5's encoder: a transformer that sees all of its window and places tokens by learnt biases of their distance
//! (Raffel et al., arXiv 1910.10683; version 1.1 with gated GELU).

mod config;
mod gguf;
mod tokenizer;

pub use config::T5Config;
pub(crate) use gguf::gguf_keys;
pub use tokenizer::T5Tokenizer;

use candle_core::{D, Device, Result, Tensor, bail};

use crate::nn::{Projection, RmsNorm};
use crate::tensor::{Parameter, gelu_tanh};
use crate::weights::{Loaded, Weights};

/// The encoder with its weights.
pub struct T5Encoder {
    config: T5Config,
    tokens: Parameter,
    /// Bias of each class of distances for each head, (buckets, heads).
    distances: Tensor,
    layers: Vec<Layer>,
    final_norm: RmsNorm,
    device: Device,
}

impl T5Encoder {
    /// Loads the weights.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &T5Config, weights: &Weights, device: &Device) -> Loaded<Self> {
        let encoder = weights.sub("encoder");
        let embeddings = if weights.contains("shared.weight") {
            weights.sub("shared")
        } else {
            encoder.sub("embed_tokens")
        };
        let layers = (0..config.layers)
            .map(|i| Layer::load(config, &encoder.sub(format_args!("block.{i}.layer"))))
            .collect::<Loaded<_>>()?;
        let distances = encoder.sub("block.0.layer.0.SelfAttention.relative_attention_bias");
        Ok(Self {
            tokens: embeddings.parameter("weight", &[config.vocabulary, config.width])?,
            distances: distances.tensor("weight", &[config.buckets, config.heads])?,
            layers,
            final_norm: norm(config, &encoder.sub("final_layer_norm"))?,
            config: config.clone(),
            device: device.clone(),
        })
    }

    /// Encodes token ids to hidden states (1, ids, width). All ids are seen, those that fill the window too.
    ///
    /// # Errors
    /// There are no ids, or one is outside the vocabulary.
    pub fn encode(&self, ids: &[u32]) -> Result<Tensor> {
        if ids.is_empty() || ids.iter().any(|id| *id as usize >= self.config.vocabulary) {
            bail!("{} tokens do not fit a vocabulary of {}", ids.len(), self.config.vocabulary);
        }
        let bias = self.bias(ids.len())?;
        let mut hidden = self.tokens.rows(ids, &self.device)?.unsqueeze(0)?;
        for layer in &self.layers {
            hidden = layer.forward(&hidden, &bias)?;
        }
        self.final_norm.forward(&hidden)
    }

    /// What distances add to the scores, (heads, tokens, tokens).
    fn bias(&self, tokens: usize) -> Result<Tensor> {
        let buckets: Vec<u32> = (0..tokens)
            .flat_map(|query| (0..tokens).map(move |key| (query, key)))
            .map(|(query, key)| self.config.bucket(query, key))
            .collect();
        let bias = self.distances.index_select(&Tensor::new(buckets, &self.device)?, 0)?;
        bias.t()?.contiguous()?.reshape((self.config.heads, tokens, tokens))
    }
}

fn norm(config: &T5Config, weights: &Weights) -> Loaded<RmsNorm> {
    Ok(RmsNorm::new(weights.tensor("weight", &[config.width])?, config.eps))
}

struct Layer {
    attention_norm: RmsNorm,
    qkv: Projection,
    out: Projection,
    feed_forward_norm: RmsNorm,
    gate: Projection,
    up: Projection,
    down: Projection,
    heads: usize,
    head_width: usize,
}

impl Layer {
    fn load(config: &T5Config, weights: &Weights) -> Loaded<Self> {
        let (width, all_heads) = (config.width, config.heads * config.head_width);
        let attention = weights.sub("0.SelfAttention");
        let feed_forward = weights.sub("1.DenseReluDense");
        let qkv = ["q", "k", "v"].map(|name| (name, all_heads));
        let inner = config.inner_width;
        let fed = |name: &str, input, output| Projection::load(&feed_forward.sub(name), input, output, false);
        Ok(Self {
            attention_norm: norm(config, &weights.sub("0.layer_norm"))?,
            qkv: Projection::side_by_side(&attention, &qkv, width, false)?,
            out: Projection::load(&attention.sub("o"), all_heads, width, false)?,
            feed_forward_norm: norm(config, &weights.sub("1.layer_norm"))?,
            gate: fed("wi_0", width, inner)?,
            up: fed("wi_1", width, inner)?,
            down: fed("wo", inner, width)?,
            heads: config.heads,
            head_width: config.head_width,
        })
    }

    fn forward(&self, x: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let x = (x + self.attend(&self.attention_norm.forward(x)?, bias)?)?;
        let normed = self.feed_forward_norm.forward(&x)?;
        let inner = (gelu_tanh(&self.gate.forward(&normed)?)? * self.up.forward(&normed)?)?;
        x + self.down.forward(&inner)?
    }

    /// Attention whose scores are not scaled and get the bias of their distance.
    fn attend(&self, x: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let (_, tokens, _) = x.dims3()?;
        let qkv = self.qkv.forward(x)?.reshape((tokens, 3, self.heads, self.head_width))?;
        let part = |i: usize| qkv.narrow(1, i, 1)?.squeeze(1)?.transpose(0, 1)?.contiguous();
        let scores = (part(0)?.matmul(&part(1)?.t()?)? + bias)?;
        let shifted = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let weights = shifted.broadcast_div(&shifted.sum_keepdim(D::Minus1)?)?;
        let mixed = weights.matmul(&part(2)?)?.transpose(0, 1)?.contiguous()?;
        self.out.forward(&mixed.reshape((1, tokens, self.heads * self.head_width))?)
    }
}
