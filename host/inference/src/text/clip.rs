//! CLIP's text encoder: a causal transformer over one token window.

use candle_core::{Device, Result, Tensor};

use crate::nn::{LayerNorm, Linear};
use crate::tensor::{self, Attention, attention};
use crate::weights::{ConfigFile, Loaded, Weights};

/// The activation between the two maps of a feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x * sigmoid(1.702 x): OpenAI's models.
    QuickGelu,
    /// The exact GELU: OpenCLIP's models.
    Gelu,
}

/// Dimensions of a CLIP text encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipConfig {
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
    /// Longest token window.
    pub positions: usize,
    /// The feed-forward activation.
    pub activation: Activation,
    /// Added to variances in layer norms.
    pub eps: f64,
}

impl ClipConfig {
    /// Reads a text encoder's `config.json`.
    ///
    /// # Errors
    /// A key is missing or asks for something that is not there.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        let activation = match config.text("hidden_act")?.unwrap_or("quick_gelu") {
            "quick_gelu" => Activation::QuickGelu,
            "gelu" => Activation::Gelu,
            other => return Err(config.problem("hidden_act", format!("`{other}` is not supported"))),
        };
        config.must_be_off(&["use_attention_mask"])?;
        let width = config.size("hidden_size", 1 << 14)?;
        let heads = config.size("num_attention_heads", 1 << 10)?;
        if width % heads != 0 {
            return Err(config.problem("num_attention_heads", format!("{heads} do not divide {width}")));
        }
        Ok(Self {
            vocabulary: config.size("vocab_size", 1 << 24)?,
            width,
            inner_width: config.size("intermediate_size", 1 << 16)?,
            layers: config.size("num_hidden_layers", 1 << 10)?,
            heads,
            positions: config.integer_or("max_position_embeddings", 77)?,
            activation,
            eps: config.number_or("layer_norm_eps", 1e-5)?,
        })
    }
}

/// The encoder with its weights.
pub struct ClipTextModel {
    config: ClipConfig,
    tokens: Tensor,
    positions: Tensor,
    layers: Vec<Layer>,
    final_norm: LayerNorm,
    device: Device,
}

impl ClipTextModel {
    /// Loads the weights; tensor names may begin with `text_model.` or lack that.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &ClipConfig, weights: &Weights, device: &Device) -> Loaded<Self> {
        let prefixed = weights.sub("text_model");
        let root = if prefixed.contains("final_layer_norm.weight") { prefixed } else { weights.clone() };
        let embeddings = root.sub("embeddings");
        let layers = (0..config.layers)
            .map(|i| Layer::load(config, &root.sub(format_args!("encoder.layers.{i}"))))
            .collect::<Loaded<_>>()?;
        Ok(Self {
            tokens: embeddings.tensor("token_embedding.weight", &[config.vocabulary, config.width])?,
            positions: embeddings.tensor("position_embedding.weight", &[config.positions, config.width])?,
            layers,
            final_norm: LayerNorm::load(&root.sub("final_layer_norm"), config.width, config.eps)?,
            config: config.clone(),
            device: device.clone(),
        })
    }

    /// Encodes token ids to (1, ids, width): the hidden states `skip` layers before the last, through the final
    /// norm. `skip` 0 is the encoder's output.
    ///
    /// # Errors
    /// An id outside the vocabulary, more ids than positions, or more layers skipped than there are.
    pub fn encode(&self, ids: &[u32], skip: usize) -> Result<Tensor> {
        if ids.len() > self.config.positions || skip > self.layers.len() {
            candle_core::bail!("{} tokens with {skip} layers skipped do not fit this encoder", ids.len());
        }
        let ids = Tensor::new(ids, &self.device)?;
        let mut hidden = (self.tokens.index_select(&ids, 0)?
            + self.positions.narrow(0, 0, ids.elem_count())?)?
        .unsqueeze(0)?;
        for layer in self.layers.iter().take(self.layers.len() - skip) {
            hidden = layer.forward(&hidden)?;
        }
        self.final_norm.forward(&hidden)
    }
}

struct Layer {
    norm1: LayerNorm,
    qkv: Linear,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    width: usize,
    attention: Attention,
    activation: Activation,
}

impl Layer {
    fn load(config: &ClipConfig, weights: &Weights) -> Loaded<Self> {
        let (width, inner) = (config.width, config.inner_width);
        let attention = weights.sub("self_attn");
        let qkv = ["q_proj", "k_proj", "v_proj"].map(|name| Linear::load(&attention.sub(name), width, width));
        let [q, k, v] = qkv;
        Ok(Self {
            norm1: LayerNorm::load(&weights.sub("layer_norm1"), width, config.eps)?,
            qkv: Linear::side_by_side(&[q?, k?, v?]).map_err(|e| weights.failed(e))?,
            out: Linear::load(&attention.sub("out_proj"), width, width)?,
            norm2: LayerNorm::load(&weights.sub("layer_norm2"), width, config.eps)?,
            fc1: Linear::load(&weights.sub("mlp.fc1"), width, inner)?,
            fc2: Linear::load(&weights.sub("mlp.fc2"), inner, width)?,
            width,
            attention: Attention { heads: config.heads, causal: true },
            activation: config.activation,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let qkv = self.qkv.forward(&self.norm1.forward(x)?)?;
        let part = |i: usize| qkv.narrow(2, i * self.width, self.width);
        let x = (x + self.out.forward(&attention(&part(0)?, &part(1)?, &part(2)?, self.attention)?)?)?;
        let inner = self.fc1.forward(&self.norm2.forward(&x)?)?;
        let inner = match self.activation {
            Activation::QuickGelu => tensor::quick_gelu(&inner)?,
            Activation::Gelu => tensor::gelu(&inner)?,
        };
        x + self.fc2.forward(&inner)?
    }
}
