//! CLIP's text encoder: a causal transformer over one token window.

use candle_core::{Device, Result, Tensor};

use crate::nn::{LayerNorm, Linear};
use crate::tensor::{self, Attention, Parameter, attention};
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
    /// The token that ends a text; none where that is the one with the largest number.
    pub end: Option<u32>,
    /// Width that the state which stands for the whole text is projected to, if it is.
    pub projection: Option<usize>,
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
            end: end_mark(config)?,
            projection: projects(config).then(|| config.size("projection_dim", 1 << 14)).transpose()?,
        })
    }

    /// Width of the vector that stands for a whole text.
    pub fn pooled_width(&self) -> usize {
        self.projection.unwrap_or(self.width)
    }
}

/// The end mark that a configuration names. Older files say 2 whatever the mark is; transformers then takes the largest
/// number (`modeling_clip.py`).
fn end_mark(config: &ConfigFile) -> Loaded<Option<u32>> {
    match config.integer("eos_token_id")? {
        None | Some(2) => Ok(None),
        Some(id) => {
            let id = u32::try_from(id).map_err(|e| config.problem("eos_token_id", e))?;
            Ok(Some(id))
        }
    }
}

/// True if the configuration is that of a text encoder with a projection.
fn projects(config: &ConfigFile) -> bool {
    let classes = config.get("architectures").and_then(|v| v.as_array());
    classes.is_some_and(|classes| classes.iter().any(|c| c.as_str() == Some("CLIPTextModelWithProjection")))
}

/// What a text becomes.
pub struct ClipStates {
    /// Hidden states (1, ids, width).
    pub hidden: Tensor,
    /// The state of the first end mark (1, pooled width).
    pub pooled: Tensor,
}

/// The encoder with its weights.
pub struct ClipTextModel {
    config: ClipConfig,
    tokens: Parameter,
    positions: Tensor,
    layers: Vec<Layer>,
    final_norm: LayerNorm,
    projection: Option<Linear>,
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
        let projection = |width| Linear::load_unbiased(&weights.sub("text_projection"), config.width, width);
        Ok(Self {
            projection: config.projection.map(projection).transpose()?,
            tokens: embeddings.parameter("token_embedding.weight", &[config.vocabulary, config.width])?,
            positions: embeddings.tensor("position_embedding.weight", &[config.positions, config.width])?,
            layers,
            final_norm: LayerNorm::load(&root.sub("final_layer_norm"), config.width, config.eps)?,
            config: config.clone(),
            device: device.clone(),
        })
    }

    /// Encodes the rows (ids, width) that stand for token ids to (1, ids, width): the hidden states `skip` layers before
    /// the last, through the final norm. `skip` 0 is the encoder's output.
    ///
    /// # Errors
    /// More rows than positions, or more layers skipped than there are.
    pub fn encode_rows(&self, rows: &Tensor, skip: usize) -> Result<Tensor> {
        let hidden = self.run(self.placed(rows)?, 0..self.kept(skip)?)?;
        self.final_norm.forward(&hidden)
    }

    /// Encodes token ids to the hidden states `skip` layers before the last, without the final norm, and the vector
    /// that stands for the whole text: the last state of the first end mark, through the final norm and the projection
    /// where there is one.
    ///
    /// # Errors
    /// An id outside the vocabulary; otherwise as [`ClipTextModel::encode_rows`].
    pub fn encode_pooled(&self, ids: &[u32], skip: usize) -> Result<ClipStates> {
        self.encode_rows_pooled(ids, &self.rows(ids)?, skip)
    }

    /// As [`ClipTextModel::encode_pooled`], from the rows (ids, width) that stand for the ids.
    ///
    /// # Errors
    /// As [`ClipTextModel::encode_rows`].
    pub fn encode_rows_pooled(&self, ids: &[u32], rows: &Tensor, skip: usize) -> Result<ClipStates> {
        let kept = self.kept(skip)?;
        let hidden = self.run(self.placed(rows)?, 0..kept)?;
        let last = self.final_norm.forward(&self.run(hidden.clone(), kept..self.layers.len())?)?;
        let mark = self.config.end.or_else(|| ids.iter().copied().max());
        let end = ids.iter().position(|id| Some(*id) == mark).unwrap_or(0);
        let mut pooled = last.narrow(1, end, 1)?.squeeze(1)?;
        if let Some(projection) = &self.projection {
            pooled = projection.forward(&pooled)?;
        }
        Ok(ClipStates { hidden, pooled })
    }

    /// Width of the hidden states and of the rows.
    pub fn width(&self) -> usize {
        self.config.width
    }

    /// The vocabulary's rows (ids, width) for token ids.
    ///
    /// # Errors
    /// An id outside the vocabulary.
    pub fn rows(&self, ids: &[u32]) -> Result<Tensor> {
        self.tokens.rows(ids, &self.device)
    }

    /// Rows with their positions added, as the first layer takes them (1, rows, width).
    fn placed(&self, rows: &Tensor) -> Result<Tensor> {
        let count = rows.dim(0)?;
        if count == 0 || count > self.config.positions {
            candle_core::bail!("{count} tokens do not fit this encoder");
        }
        (rows + self.positions.narrow(0, 0, count)?)?.unsqueeze(0)
    }

    /// Layers that are left when the last `skip` are not run.
    fn kept(&self, skip: usize) -> Result<usize> {
        match self.layers.len().checked_sub(skip) {
            Some(kept) => Ok(kept),
            None => candle_core::bail!("{skip} of {} layers cannot be skipped", self.layers.len()),
        }
    }

    fn run(&self, mut hidden: Tensor, layers: std::ops::Range<usize>) -> Result<Tensor> {
        for layer in self.layers.get(layers).unwrap_or_default() {
            hidden = layer.forward(&hidden)?;
        }
        Ok(hidden)
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
            attention: Attention::causal(config.heads),
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
