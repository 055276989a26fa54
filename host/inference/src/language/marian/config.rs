//! Dimensions of a MarianMT model; what is not computed here is refused by name.

use crate::weights::{ConfigFile, Loaded};

/// Most positions; the position table is bounded by it.
const MAX_POSITIONS: usize = 1 << 14;

/// The activation of the feed-forward layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarianActivation {
    /// x * sigmoid(x).
    Silu,
    /// The exact GELU.
    Gelu,
    /// max(x, 0).
    Relu,
}

/// Dimensions of one of the two stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackConfig {
    /// Number of layers.
    pub layers: usize,
    /// Attention heads per layer.
    pub heads: usize,
    /// Width inside the feed-forward layers.
    pub inner_width: usize,
}

/// Dimensions of a MarianMT model.
#[derive(Debug, Clone, PartialEq)]
pub struct MarianConfig {
    /// Tokens of the source language.
    pub source_vocabulary: usize,
    /// Tokens of the target language.
    pub target_vocabulary: usize,
    /// True when both languages share one table of embeddings.
    pub shared: bool,
    /// True when the output matrix is the target's table of embeddings.
    pub tied: bool,
    /// Width of the hidden states.
    pub width: usize,
    /// What reads.
    pub encoder: StackConfig,
    /// What writes.
    pub decoder: StackConfig,
    /// Most tokens of a source or a target.
    pub positions: usize,
    /// The feed-forward activation.
    pub activation: MarianActivation,
    /// True when embeddings are multiplied by the root of the width.
    pub scaled: bool,
    /// The token that ends a text.
    pub end: u32,
    /// The token that fills up, which is never written.
    pub padding: u32,
    /// The token that the decoder starts from.
    pub start: u32,
}

impl MarianConfig {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// A key is missing or asks for something that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        config.must_be_off(&["normalize_before", "normalize_embedding", "add_final_layer_norm"])?;
        config.must_be("static_position_embeddings", true)?;
        let activation = match config.text("activation_function")?.unwrap_or("gelu") {
            "swish" | "silu" => MarianActivation::Silu,
            "gelu" => MarianActivation::Gelu,
            "relu" => MarianActivation::Relu,
            other => {
                return Err(config.problem("activation_function", format!("`{other}` is not supported")));
            }
        };
        let width = config.size("d_model", 1 << 14)?;
        let stack = |name: &str| {
            let heads_key = format!("{name}_attention_heads");
            let heads = config.size(&heads_key, 1 << 8)?;
            if !width.is_multiple_of(heads) || !width.is_multiple_of(2) {
                return Err(config.problem(&heads_key, format!("{heads} do not divide {width}")));
            }
            Ok(StackConfig {
                layers: config.size(&format!("{name}_layers"), 1 << 8)?,
                heads,
                inner_width: config.size(&format!("{name}_ffn_dim"), 1 << 16)?,
            })
        };
        let source_vocabulary = config.size("vocab_size", 1 << 20)?;
        let target_vocabulary = match config.integer("decoder_vocab_size")? {
            Some(_) => config.size("decoder_vocab_size", 1 << 20)?,
            None => source_vocabulary,
        };
        let shared = config.flag_or("share_encoder_decoder_embeddings", true)?;
        if shared && source_vocabulary != target_vocabulary {
            let problem = format!("{target_vocabulary}, but the shared vocabulary has {source_vocabulary}");
            return Err(config.problem("decoder_vocab_size", problem));
        }
        let token = |key: &str| match config.integer(key)? {
            Some(id) if id < target_vocabulary => Ok(id as u32),
            Some(id) => Err(config.problem(key, format!("{id} is outside the vocabulary"))),
            None => Err(config.problem(key, "is missing")),
        };
        Ok(Self {
            source_vocabulary,
            target_vocabulary,
            shared,
            tied: config.flag_or("tie_word_embeddings", true)?,
            width,
            encoder: stack("encoder")?,
            decoder: stack("decoder")?,
            positions: config.size("max_position_embeddings", MAX_POSITIONS)?,
            activation,
            scaled: config.flag_or("scale_embedding", false)?,
            end: token("eos_token_id")?,
            padding: token("pad_token_id")?,
            start: token("decoder_start_token_id")?,
        })
    }

    /// Bytes that translating a sentence takes besides the weights, with `beams` beams of `tokens` tokens.
    pub fn working_bytes(&self, beams: usize, tokens: usize) -> u64 {
        let (beams, tokens, width) = (beams as u64, tokens as u64, self.width as u64);
        // Keys and values of a beam twice, while the caches are put in a new order, and of the source once.
        let cache = 2 * width * tokens * self.decoder.layers as u64 * (2 * beams + 1);
        let encoder = tokens * (6 * width + 2 * self.encoder.inner_width as u64);
        let logits = 4 * beams * self.target_vocabulary as u64;
        (cache + encoder + logits).saturating_mul(size_of::<f32>() as u64)
    }
}
