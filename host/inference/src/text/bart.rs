//! BART, a transformer that reads one sequence and writes another (Lewis et al., arXiv 1910.13461).

use candle_core::{Device, Result, Tensor};

use super::beam::StepDecoder;
use crate::nn::{LayerNorm, Linear};
use crate::tensor::{self, Attention, Parameter, attention};
use crate::weights::{ConfigFile, Loaded, Weights};

/// Added to variances in layer norms.
const EPS: f64 = 1e-5;
/// Rows that position tables have before the first position.
const POSITION_OFFSET: usize = 2;

/// Dimensions of one half of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HalfConfig {
    /// Transformer layers.
    pub layers: usize,
    /// Attention heads per layer.
    pub heads: usize,
    /// Width inside the feed-forward layers.
    pub inner_width: usize,
}

/// Dimensions of a BART model.
#[derive(Debug, Clone, PartialEq)]
pub struct BartConfig {
    /// Number of tokens in the vocabulary.
    pub vocabulary: usize,
    /// Width of the hidden states.
    pub width: usize,
    /// Longest sequence, read or written.
    pub positions: usize,
    /// Whether token embeddings are multiplied by the square root of the width.
    pub scale_embeddings: bool,
    /// The half that reads.
    pub encoder: HalfConfig,
    /// The half that writes.
    pub decoder: HalfConfig,
}

impl BartConfig {
    /// Reads a model's configuration.
    ///
    /// # Errors
    /// A key is missing, out of range, or asks for something that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        config.must_be("activation_function", "gelu")?;
        config.must_be("tie_word_embeddings", true)?;
        config.must_be_off(&["normalize_before", "add_final_layer_norm", "add_bias_logits"])?;
        config.must_be_off(&["static_position_embeddings"])?;
        config.must_be("normalize_embedding", true)?;
        let width = config.size("d_model", 1 << 14)?;
        let half = |layers: &str, heads_key: &str, inner: &str| {
            let heads = config.size(heads_key, 1 << 10)?;
            if width % heads != 0 {
                return Err(config.problem(heads_key, format!("{heads} do not divide {width}")));
            }
            Ok(HalfConfig {
                layers: config.size(layers, 1 << 8)?,
                heads,
                inner_width: config.size(inner, 1 << 16)?,
            })
        };
        Ok(Self {
            vocabulary: config.size("vocab_size", 1 << 24)?,
            width,
            positions: config.size("max_position_embeddings", 1 << 16)?,
            scale_embeddings: config.flag_or("scale_embedding", false)?,
            encoder: half("encoder_layers", "encoder_attention_heads", "encoder_ffn_dim")?,
            decoder: half("decoder_layers", "decoder_attention_heads", "decoder_ffn_dim")?,
        })
    }
}

/// The model with its weights.
pub struct Bart {
    config: BartConfig,
    tokens: Parameter,
    logits_bias: Option<Tensor>,
    encoder: Embedding,
    encoder_layers: Vec<EncoderLayer>,
    decoder: Embedding,
    decoder_layers: Vec<DecoderLayer>,
    device: Device,
}

impl Bart {
    /// Loads the weights below `weights`; `head` is where the output layer lies, which shares its weights with the
    /// token embeddings but may have a bias of its own, `final_logits_bias`.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &BartConfig, weights: &Weights, head: &Weights) -> Loaded<Self> {
        let (encoder, decoder) = (weights.sub("encoder"), weights.sub("decoder"));
        let table = [config.vocabulary, config.width];
        // Files keep one name of the tensors that are shared, and not always the same.
        let names = [
            (weights, "shared.weight"),
            (&encoder, "embed_tokens.weight"),
            (&decoder, "embed_tokens.weight"),
            (head, "lm_head.weight"),
        ];
        let (from, name) =
            names.into_iter().find(|(from, name)| from.contains(name)).unwrap_or((weights, "shared.weight"));
        let bias = head.contains("final_logits_bias");
        let bias = bias.then(|| head.tensor("final_logits_bias", &[1, config.vocabulary])).transpose()?;
        Ok(Self {
            tokens: from.parameter(name, &table)?,
            logits_bias: bias,
            encoder_layers: (0..config.encoder.layers)
                .map(|i| EncoderLayer::load(config, &encoder.sub(format_args!("layers.{i}"))))
                .collect::<Loaded<_>>()?,
            encoder: Embedding::load(config, &encoder)?,
            decoder_layers: (0..config.decoder.layers)
                .map(|i| DecoderLayer::load(config, &decoder.sub(format_args!("layers.{i}"))))
                .collect::<Loaded<_>>()?,
            decoder: Embedding::load(config, &decoder)?,
            device: weights.device().clone(),
            config: config.clone(),
        })
    }

    /// The embeddings (ids, width) of tokens, without positions.
    ///
    /// # Errors
    /// An id is outside the vocabulary.
    pub fn embed(&self, ids: &[u32]) -> Result<Tensor> {
        if let Some(id) = ids.iter().find(|&&id| id as usize >= self.config.vocabulary) {
            candle_core::bail!("token {id} is outside the vocabulary of {}", self.config.vocabulary);
        }
        let embeddings = self.tokens.rows(ids, &self.device)?;
        if self.config.scale_embeddings {
            embeddings * (self.config.width as f64).sqrt()
        } else {
            Ok(embeddings)
        }
    }

    /// Reads embeddings (1, length, width) and gives states of the same shape.
    ///
    /// # Errors
    /// The sequence is longer than the positions reach.
    pub fn encode(&self, embeddings: &Tensor) -> Result<Tensor> {
        let mut hidden = self.encoder.forward(embeddings, 0)?;
        for layer in &self.encoder_layers {
            hidden = layer.forward(&hidden)?;
        }
        Ok(hidden)
    }

    /// A decoder that writes about the states of one sequence (1, length, width).
    ///
    /// # Errors
    /// A tensor operation fails.
    pub fn decoder<'a>(&'a self, states: &Tensor) -> Result<BartDecoder<'a>> {
        let memories = self.decoder_layers.iter().map(|layer| layer.cross.memory(states));
        Ok(BartDecoder {
            model: self,
            memories: memories.collect::<Result<_>>()?,
            written: self.decoder_layers.iter().map(|_| None).collect(),
            position: 0,
        })
    }

    /// Scores of the next token from hidden states (texts, 1, width): (texts, vocabulary).
    fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        let scores = self.tokens.linear(&hidden.squeeze(1)?, None)?;
        match &self.logits_bias {
            Some(bias) => scores.broadcast_add(bias),
            None => Ok(scores),
        }
    }
}

/// What positions add to embeddings, and the norm after that.
struct Embedding {
    positions: Tensor,
    norm: LayerNorm,
}

impl Embedding {
    fn load(config: &BartConfig, weights: &Weights) -> Loaded<Self> {
        let rows = config.positions + POSITION_OFFSET;
        Ok(Self {
            positions: weights.tensor("embed_positions.weight", &[rows, config.width])?,
            norm: LayerNorm::load(&weights.sub("layernorm_embedding"), config.width, EPS)?,
        })
    }

    /// Embeddings (texts, length, width) of which the first stands at `position`.
    fn forward(&self, embeddings: &Tensor, position: usize) -> Result<Tensor> {
        let length = embeddings.dim(1)?;
        if position + length + POSITION_OFFSET > self.positions.dim(0)? {
            candle_core::bail!("a sequence of {} does not fit the model's positions", position + length);
        }
        let positions = self.positions.narrow(0, position + POSITION_OFFSET, length)?;
        self.norm.forward(&embeddings.broadcast_add(&positions)?)
    }
}

/// Attention of a sequence to itself.
struct SelfAttention {
    qkv: Linear,
    out: Linear,
    width: usize,
    options: Attention,
}

impl SelfAttention {
    fn load(width: usize, heads: usize, weights: &Weights) -> Loaded<Self> {
        let [q, k, v] =
            ["q_proj", "k_proj", "v_proj"].map(|name| Linear::load(&weights.sub(name), width, width));
        Ok(Self {
            qkv: Linear::side_by_side(&[q?, k?, v?]).map_err(|e| weights.failed(e))?,
            out: Linear::load(&weights.sub("out_proj"), width, width)?,
            width,
            options: Attention::full(heads),
        })
    }

    /// Queries, keys and values (texts, length, width).
    fn project(&self, x: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        let qkv = self.qkv.forward(x)?;
        let part = |i: usize| qkv.narrow(2, i * self.width, self.width);
        Ok((part(0)?, part(1)?, part(2)?))
    }

    fn attend(&self, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
        self.out.forward(&attention(q, k, v, self.options)?)
    }
}

/// Attention to the sequence that was read.
struct CrossAttention {
    q: Linear,
    kv: Linear,
    out: Linear,
    width: usize,
    options: Attention,
}

/// Keys and values (1, length, width) of what was read.
struct Memory {
    keys: Tensor,
    values: Tensor,
}

impl CrossAttention {
    fn load(width: usize, heads: usize, weights: &Weights) -> Loaded<Self> {
        let layer = |name: &str| Linear::load(&weights.sub(name), width, width);
        let kv = [layer("k_proj")?, layer("v_proj")?];
        Ok(Self {
            q: layer("q_proj")?,
            kv: Linear::side_by_side(&kv).map_err(|e| weights.failed(e))?,
            out: layer("out_proj")?,
            width,
            options: Attention::full(heads),
        })
    }

    fn memory(&self, states: &Tensor) -> Result<Memory> {
        let kv = self.kv.forward(states)?;
        Ok(Memory { keys: kv.narrow(2, 0, self.width)?, values: kv.narrow(2, self.width, self.width)? })
    }

    /// Attends for (texts, 1, width). The texts share one memory, so they can ask as one sequence.
    fn forward(&self, x: &Tensor, memory: &Memory) -> Result<Tensor> {
        let queries = self.q.forward(x)?.transpose(0, 1)?.contiguous()?;
        let seen = attention(&queries, &memory.keys, &memory.values, self.options)?;
        self.out.forward(&seen.transpose(0, 1)?.contiguous()?)
    }
}

/// The two maps after attention, and the norm after them.
struct FeedForward {
    fc1: Linear,
    fc2: Linear,
    norm: LayerNorm,
}

impl FeedForward {
    fn load(width: usize, inner: usize, weights: &Weights) -> Loaded<Self> {
        Ok(Self {
            fc1: Linear::load(&weights.sub("fc1"), width, inner)?,
            fc2: Linear::load(&weights.sub("fc2"), inner, width)?,
            norm: LayerNorm::load(&weights.sub("final_layer_norm"), width, EPS)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let inner = tensor::gelu(&self.fc1.forward(x)?)?;
        self.norm.forward(&(x + self.fc2.forward(&inner)?)?)
    }
}

struct EncoderLayer {
    attention: SelfAttention,
    norm: LayerNorm,
    feed_forward: FeedForward,
}

impl EncoderLayer {
    fn load(config: &BartConfig, weights: &Weights) -> Loaded<Self> {
        let (width, half) = (config.width, config.encoder);
        Ok(Self {
            attention: SelfAttention::load(width, half.heads, &weights.sub("self_attn"))?,
            norm: LayerNorm::load(&weights.sub("self_attn_layer_norm"), width, EPS)?,
            feed_forward: FeedForward::load(width, half.inner_width, weights)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (q, k, v) = self.attention.project(x)?;
        let x = self.norm.forward(&(x + self.attention.attend(&q, &k, &v)?)?)?;
        self.feed_forward.forward(&x)
    }
}

struct DecoderLayer {
    attention: SelfAttention,
    norm: LayerNorm,
    cross: CrossAttention,
    cross_norm: LayerNorm,
    feed_forward: FeedForward,
}

impl DecoderLayer {
    fn load(config: &BartConfig, weights: &Weights) -> Loaded<Self> {
        let (width, half) = (config.width, config.decoder);
        Ok(Self {
            attention: SelfAttention::load(width, half.heads, &weights.sub("self_attn"))?,
            norm: LayerNorm::load(&weights.sub("self_attn_layer_norm"), width, EPS)?,
            cross: CrossAttention::load(width, half.heads, &weights.sub("encoder_attn"))?,
            cross_norm: LayerNorm::load(&weights.sub("encoder_attn_layer_norm"), width, EPS)?,
            feed_forward: FeedForward::load(width, half.inner_width, weights)?,
        })
    }

    /// One token of each text (texts, 1, width), after those in `written`, to which it is added.
    fn forward(&self, x: &Tensor, memory: &Memory, written: &mut Option<Memory>) -> Result<Tensor> {
        let (q, k, v) = self.attention.project(x)?;
        let (k, v) = (k.contiguous()?, v.contiguous()?);
        let all = match written.take() {
            None => Memory { keys: k, values: v },
            Some(before) => Memory {
                keys: Tensor::cat(&[&before.keys, &k], 1)?,
                values: Tensor::cat(&[&before.values, &v], 1)?,
            },
        };
        let seen = self.attention.attend(&q, &all.keys, &all.values)?;
        *written = Some(all);
        let x = self.norm.forward(&(x + seen)?)?;
        let x = self.cross_norm.forward(&(&x + self.cross.forward(&x, memory)?)?)?;
        self.feed_forward.forward(&x)
    }
}

/// Writes several texts about one sequence, a token of each at a time.
pub struct BartDecoder<'a> {
    model: &'a Bart,
    memories: Vec<Memory>,
    written: Vec<Option<Memory>>,
    position: usize,
}

impl StepDecoder for BartDecoder<'_> {
    fn step(&mut self, tokens: &[u32]) -> Result<Tensor> {
        let embeddings = self.model.embed(tokens)?.unsqueeze(1)?;
        let mut hidden = self.model.decoder.forward(&embeddings, self.position)?;
        let layers = self.model.decoder_layers.iter().zip(&self.memories).zip(&mut self.written);
        for ((layer, memory), written) in layers {
            hidden = layer.forward(&hidden, memory, written)?;
        }
        self.position += 1;
        self.model.logits(&hidden)
    }

    fn reorder(&mut self, parents: &[usize]) -> Result<()> {
        if parents.iter().copied().eq(0..parents.len()) {
            return Ok(());
        }
        let parents: Vec<u32> = parents.iter().map(|&p| p as u32).collect();
        let parents = Tensor::new(parents, &self.model.device)?;
        for memory in self.written.iter_mut().flatten() {
            memory.keys = memory.keys.index_select(&parents, 0)?;
            memory.values = memory.values.index_select(&parents, 0)?;
        }
        Ok(())
    }
}
