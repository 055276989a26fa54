//! Dimensions of a decoder, from `config.json` or from GGUF metadata; what is not computed here is refused by name.

use crate::tensor::Pairing;
use crate::weights::{ConfigFile, GgufFile, Loaded};

use super::rotation::RotationConfig;

/// Longest context that is taken; rotation tables and caches are bounded by it.
const MAX_CONTEXT: usize = 1 << 20;
/// Largest vocabulary.
const MAX_VOCABULARY: usize = 1 << 20;
/// Widest hidden state.
const MAX_WIDTH: usize = 1 << 15;
/// Widest feed-forward layer.
const MAX_INNER: usize = 1 << 17;
/// Most layers and most heads.
const MAX_LAYERS: usize = 1 << 9;

/// The families, which differ in few places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Llama, and SmolLM2, which is built as it.
    Llama,
    /// Qwen2 and Qwen2.5: biased projections to queries, keys and values.
    Qwen2,
    /// Qwen3: queries and keys are normalised per head.
    Qwen3,
}

impl Family {
    /// The family by the name that configurations and GGUF files use for it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "llama" => Some(Self::Llama),
            "qwen2" => Some(Self::Qwen2),
            "qwen3" => Some(Self::Qwen3),
            _ => None,
        }
    }
}

/// Dimensions of a decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// What it is built as.
    pub family: Family,
    /// Number of tokens in the vocabulary.
    pub vocabulary: usize,
    /// Width of the hidden states.
    pub width: usize,
    /// Width inside the feed-forward layers.
    pub inner_width: usize,
    /// Number of transformer layers.
    pub layers: usize,
    /// Attention heads per layer.
    pub heads: usize,
    /// Heads of keys and values; divides `heads`.
    pub key_heads: usize,
    /// Width of a head.
    pub head_width: usize,
    /// Most tokens that are attended to, those written included.
    pub context: usize,
    /// Added to mean squares in norms.
    pub eps: f64,
    /// True when queries, keys and values have biases.
    pub biased: bool,
    /// True when the attention's output has a bias too.
    pub biased_output: bool,
    /// True when the output matrix is that of the embeddings.
    pub tied: bool,
    /// How positions turn queries and keys.
    pub rotation: RotationConfig,
}

impl DecoderConfig {
    /// Reads the `config.json` of a model of `family`.
    ///
    /// # Errors
    /// A key is missing or asks for something that is not there.
    pub fn read(config: &ConfigFile, family: Family) -> Loaded<Self> {
        config.must_be("hidden_act", "silu")?;
        config.must_be("pretraining_tp", 1)?;
        config.must_be_off(&["use_sliding_window", "mlp_bias", "quantization_config"])?;
        if let Some(types) = config.get("layer_types").and_then(|v| v.as_array())
            && let Some(other) = types.iter().find(|t| t.as_str() != Some("full_attention"))
        {
            return Err(config.problem("layer_types", format!("`{other}` is not supported")));
        }
        let width = config.size("hidden_size", MAX_WIDTH)?;
        let heads = config.size("num_attention_heads", MAX_LAYERS)?;
        let attention_bias = config.flag_or("attention_bias", false)?;
        let head_width = match config.integer("head_dim")? {
            Some(_) => config.size("head_dim", MAX_WIDTH)?,
            None => width / heads,
        };
        let key_heads = match config.integer("num_key_value_heads")? {
            Some(_) => config.size("num_key_value_heads", heads)?,
            None => heads,
        };
        let context = config.size("max_position_embeddings", MAX_CONTEXT)?;
        let read = Self {
            family,
            vocabulary: config.size("vocab_size", MAX_VOCABULARY)?,
            width,
            inner_width: config.size("intermediate_size", MAX_INNER)?,
            layers: config.size("num_hidden_layers", MAX_LAYERS)?,
            heads,
            key_heads,
            head_width,
            context,
            eps: config.number_or("rms_norm_eps", 1e-6)?,
            biased: family == Family::Qwen2 || attention_bias,
            biased_output: family != Family::Qwen2 && attention_bias,
            tied: config.flag_or("tie_word_embeddings", false)?,
            rotation: RotationConfig::read(config)?,
        };
        read.check().map_err(|problem| config.problem("num_attention_heads", problem))?;
        Ok(read)
    }

    /// Reads the metadata of a GGUF file of `family`.
    ///
    /// # Errors
    /// A key is missing or asks for something that is not there.
    pub fn read_gguf(file: &GgufFile, family: Family) -> Loaded<Self> {
        let architecture = file.text("general.architecture")?.unwrap_or_default();
        let key = |name: &str| format!("{architecture}.{name}");
        let heads = file.size(&key("attention.head_count"), MAX_LAYERS)?;
        let width = file.size(&key("embedding_length"), MAX_WIDTH)?;
        let or = |name: &str, default: usize, most: usize| match file.get(&key(name)) {
            Some(_) => file.size(&key(name), most),
            None => Ok(default),
        };
        let head_width = or("attention.key_length", width / heads, MAX_WIDTH)?;
        for name in ["attention.value_length", "rope.dimension_count"] {
            let other = or(name, head_width, MAX_WIDTH)?;
            if other != head_width {
                return Err(file.problem(&key(name), format!("{other} is not the key length {head_width}")));
            }
        }
        for name in ["expert_count", "attention.sliding_window"] {
            if file.integer(&key(name))?.is_some_and(|n| n > 0) {
                return Err(file.problem(&key(name), "is not supported"));
            }
        }
        let vocabulary = file.texts("tokenizer.ggml.tokens")?.len();
        let entries = file.entries();
        let pairing = if family == Family::Llama { Pairing::Neighbours } else { Pairing::Halves };
        let read = Self {
            family,
            vocabulary,
            width,
            inner_width: file.size(&key("feed_forward_length"), MAX_INNER)?,
            layers: file.size(&key("block_count"), MAX_LAYERS)?,
            heads,
            key_heads: or("attention.head_count_kv", heads, heads)?,
            head_width,
            context: file.size(&key("context_length"), MAX_CONTEXT)?,
            eps: file.number_or(&key("attention.layer_norm_rms_epsilon"), 1e-6)?,
            biased: entries.contains_key("blk.0.attn_q.bias"),
            biased_output: entries.contains_key("blk.0.attn_output.bias"),
            tied: !entries.contains_key("output.weight"),
            rotation: RotationConfig::read_gguf(file, architecture, head_width, pairing)?,
        };
        read.check().map_err(|problem| file.problem(&key("attention.head_count"), problem))?;
        Ok(read)
    }

    /// Width of all heads of queries together.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_width
    }

    /// Width of all heads of keys, and of values, together.
    pub fn key_width(&self) -> usize {
        self.key_heads * self.head_width
    }

    /// Bytes of keys and values for `tokens` tokens.
    pub fn cache_bytes(&self, tokens: usize) -> u64 {
        let per_token = (2 * self.layers * self.key_width() * size_of::<f32>()) as u64;
        per_token.saturating_mul(tokens as u64)
    }

    /// Bytes that a pass over `rows` tokens takes besides weights and cache: its widest layer and one row of logits.
    pub fn pass_bytes(&self, rows: usize) -> u64 {
        let attention = 2 * self.query_width() + 4 * self.key_width();
        let widest = 4 * self.width + attention.max(3 * self.inner_width);
        ((rows.saturating_mul(widest) + 4 * self.vocabulary) * size_of::<f32>()) as u64
    }

    fn check(&self) -> Result<(), String> {
        if !self.heads.is_multiple_of(self.key_heads) {
            return Err(format!("{} heads of keys do not divide {}", self.key_heads, self.heads));
        }
        if self.head_width == 0 || !self.head_width.is_multiple_of(2) || self.query_width() > MAX_WIDTH {
            return Err(format!("{} heads of width {} are not supported", self.heads, self.head_width));
        }
        Ok(())
    }
}
