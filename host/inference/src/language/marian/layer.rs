//! The layers of MarianMT: attention and feed-forward maps, each followed by a norm.

use candle_core::{Device, Result, Tensor};

use super::config::{MarianActivation, MarianConfig, StackConfig};
use crate::nn::{LayerNorm, Linear};
use crate::tensor::{self, Attention, attention};
use crate::weights::{Loaded, Weights};

/// Added to variances in layer norms.
const EPS: f64 = 1e-5;

/// A layer of the encoder.
pub(super) struct EncoderLayer {
    attention: SelfAttention,
    feed_forward: FeedForward,
}

impl EncoderLayer {
    pub(super) fn load(config: &MarianConfig, weights: &Weights) -> Loaded<Self> {
        Ok(Self {
            attention: SelfAttention::load(config.width, config.encoder.heads, false, weights)?,
            feed_forward: FeedForward::load(config, &config.encoder, weights)?,
        })
    }

    /// Takes (1, tokens, width) through the layer.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (q, k, v) = self.attention.project(x)?;
        self.feed_forward.forward(&self.attention.attend(x, &q, &k, &v)?)
    }
}

/// A layer of the decoder.
pub(super) struct DecoderLayer {
    attention: SelfAttention,
    query: Linear,
    key_value: Linear,
    out: Linear,
    norm: LayerNorm,
    feed_forward: FeedForward,
    cross: Attention,
}

/// What a decoder layer remembers: keys and values of the source, and those of the tokens so far of every beam.
#[derive(Clone)]
pub(super) struct LayerState {
    source: (Tensor, Tensor),
    written: Option<(Tensor, Tensor)>,
}

impl LayerState {
    /// Where its tensors are.
    pub(super) fn device(&self) -> Device {
        self.source.0.device().clone()
    }

    /// Continues the beams of these numbers.
    pub(super) fn reorder(&mut self, beams: &Tensor) -> Result<()> {
        if let Some((keys, values)) = &self.written {
            self.written = Some((
                keys.contiguous()?.index_select(beams, 0)?,
                values.contiguous()?.index_select(beams, 0)?,
            ));
        }
        Ok(())
    }
}

impl DecoderLayer {
    pub(super) fn load(config: &MarianConfig, weights: &Weights) -> Loaded<Self> {
        let width = config.width;
        let cross = weights.sub("encoder_attn");
        let linear = |name: &str| Linear::load(&cross.sub(name), width, width);
        let key_value = [linear("k_proj")?, linear("v_proj")?];
        Ok(Self {
            attention: SelfAttention::load(width, config.decoder.heads, true, weights)?,
            query: linear("q_proj")?,
            key_value: Linear::side_by_side(&key_value).map_err(|e| weights.failed(e))?,
            out: linear("out_proj")?,
            norm: LayerNorm::load(&weights.sub("encoder_attn_layer_norm"), width, EPS)?,
            feed_forward: FeedForward::load(config, &config.decoder, weights)?,
            cross: Attention::full(config.decoder.heads),
        })
    }

    /// The state before the first token, for a source (1, tokens, width).
    pub(super) fn begin(&self, source: &Tensor) -> Result<LayerState> {
        let width = source.dim(2)?;
        let both = self.key_value.forward(source)?;
        let part = |i: usize| both.narrow(2, i * width, width)?.contiguous();
        Ok(LayerState { source: (part(0)?, part(1)?), written: None })
    }

    /// Takes new tokens of every beam, (beams, tokens, width), through the layer.
    pub(super) fn forward(&self, x: &Tensor, state: &mut LayerState) -> Result<Tensor> {
        let (q, k, v) = self.attention.project(x)?;
        let (k, v) = match &state.written {
            Some((keys, values)) => (Tensor::cat(&[keys, &k], 1)?, Tensor::cat(&[values, &v], 1)?),
            None => (k.contiguous()?, v.contiguous()?),
        };
        let x = self.attention.attend(x, &q, &k, &v)?;
        state.written = Some((k, v));

        // All beams read the same source: their queries stand side by side.
        let (beams, tokens, width) = x.dims3()?;
        let q = self.query.forward(&x)?.reshape((1, beams * tokens, width))?;
        let attended = attention(&q, &state.source.0, &state.source.1, self.cross)?;
        let attended = self.out.forward(&attended.reshape((beams, tokens, width))?)?;
        self.feed_forward.forward(&self.norm.forward(&(x + attended)?)?)
    }
}

struct SelfAttention {
    qkv: Linear,
    out: Linear,
    norm: LayerNorm,
    attention: Attention,
}

impl SelfAttention {
    fn load(width: usize, heads: usize, causal: bool, weights: &Weights) -> Loaded<Self> {
        let own = weights.sub("self_attn");
        let linear = |name: &str| Linear::load(&own.sub(name), width, width);
        let qkv = [linear("q_proj")?, linear("k_proj")?, linear("v_proj")?];
        Ok(Self {
            qkv: Linear::side_by_side(&qkv).map_err(|e| weights.failed(e))?,
            out: linear("out_proj")?,
            norm: LayerNorm::load(&weights.sub("self_attn_layer_norm"), width, EPS)?,
            attention: Attention { causal, ..Attention::full(heads) },
        })
    }

    fn project(&self, x: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        let width = x.dim(2)?;
        let qkv = self.qkv.forward(x)?;
        let part = |i: usize| qkv.narrow(2, i * width, width);
        Ok((part(0)?, part(1)?, part(2)?))
    }

    fn attend(&self, x: &Tensor, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
        let attended = self.out.forward(&attention(q, k, v, self.attention)?)?;
        self.norm.forward(&(x + attended)?)
    }
}

struct FeedForward {
    fc1: Linear,
    fc2: Linear,
    norm: LayerNorm,
    activation: MarianActivation,
}

impl FeedForward {
    fn load(config: &MarianConfig, stack: &StackConfig, weights: &Weights) -> Loaded<Self> {
        let (width, inner) = (config.width, stack.inner_width);
        Ok(Self {
            fc1: Linear::load(&weights.sub("fc1"), width, inner)?,
            fc2: Linear::load(&weights.sub("fc2"), inner, width)?,
            norm: LayerNorm::load(&weights.sub("final_layer_norm"), width, EPS)?,
            activation: config.activation,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let inner = self.fc1.forward(x)?;
        let inner = match self.activation {
            MarianActivation::Silu => tensor::silu(&inner)?,
            MarianActivation::Gelu => tensor::gelu(&inner)?,
            MarianActivation::Relu => inner.relu()?,
        };
        self.norm.forward(&(x + self.fc2.forward(&inner)?)?)
    }
}
