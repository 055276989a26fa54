//! The transformer between residual blocks: self-attention over pixels, cross-attention to text, feed-forward.

use candle_core::{Result, Tensor, bail};

use crate::nn::{Conv2d, GroupNorm, LayerNorm, Linear};
use crate::tensor::{Attention, Conv2dGeometry, attention, geglu};
use crate::weights::{Loaded, Weights};

/// Epsilon of the transformers' norms, which no configuration changes.
const GROUP_NORM_EPS: f64 = 1e-6;
const LAYER_NORM_EPS: f64 = 1e-5;

/// Keys and values of the text for every cross-attention, in the order in which the network meets them, and what else
/// stays the same through a run.
#[derive(Default)]
pub struct PromptContext {
    layers: Vec<(Tensor, Tensor)>,
    /// What is added to the time embedding, (batch, time width).
    pub(super) added: Option<Tensor>,
}

/// Hands the layers of a context to the network in order.
pub(super) struct ContextReader<'a> {
    layers: std::slice::Iter<'a, (Tensor, Tensor)>,
}

impl<'a> ContextReader<'a> {
    pub(super) fn new(context: &'a PromptContext) -> Self {
        Self { layers: context.layers.iter() }
    }

    fn next(&mut self) -> Result<&'a (Tensor, Tensor)> {
        match self.layers.next() {
            Some(layer) => Ok(layer),
            None => bail!("the prompt context was made for another network"),
        }
    }
}

/// Dimensions of a transformer.
#[derive(Clone, Copy)]
pub(super) struct TransformerShape {
    pub(super) channels: usize,
    pub(super) heads: usize,
    pub(super) layers: usize,
    pub(super) text_width: usize,
    pub(super) groups: usize,
    pub(super) linear_projection: bool,
}

/// A stack of transformer layers over the pixels of a feature map.
pub(super) struct Transformer {
    norm: GroupNorm,
    projections: Projections,
    layers: Vec<TransformerLayer>,
}

/// The maps into and out of the transformer.
enum Projections {
    Linear { input: Linear, output: Linear },
    Conv { input: Conv2d, output: Conv2d },
}

impl Transformer {
    pub(super) fn load(weights: &Weights, shape: TransformerShape) -> Loaded<Self> {
        let channels = shape.channels;
        let (input, output) = (weights.sub("proj_in"), weights.sub("proj_out"));
        let projections = if shape.linear_projection {
            Projections::Linear {
                input: Linear::load(&input, channels, channels)?,
                output: Linear::load(&output, channels, channels)?,
            }
        } else {
            let geometry = Conv2dGeometry::padded(0);
            Projections::Conv {
                input: Conv2d::load(&input, channels, channels, 1, geometry)?,
                output: Conv2d::load(&output, channels, channels, 1, geometry)?,
            }
        };
        let layers = (0..shape.layers)
            .map(|i| TransformerLayer::load(&weights.sub(format_args!("transformer_blocks.{i}")), shape))
            .collect::<Loaded<_>>()?;
        Ok(Self {
            norm: GroupNorm::load(&weights.sub("norm"), channels, shape.groups, GROUP_NORM_EPS)?,
            projections,
            layers,
        })
    }

    pub(super) fn project(&self, text: &Tensor, context: &mut PromptContext) -> Result<()> {
        for layer in &self.layers {
            context.layers.push((layer.text_key.forward(text)?, layer.text_value.forward(text)?));
        }
        Ok(())
    }

    /// Applies the stack to (batch, channels, height, width).
    pub(super) fn forward(&self, x: &Tensor, context: &mut ContextReader) -> Result<Tensor> {
        let (batch, channels, height, width) = x.dims4()?;
        let to_rows = |x: &Tensor| x.flatten_from(2)?.transpose(1, 2)?.contiguous();
        let to_map = |x: &Tensor| x.transpose(1, 2)?.contiguous()?.reshape((batch, channels, height, width));
        // Each map takes the place of the one before, which is then gone.
        let mut hidden = self.norm.forward(x)?;
        hidden = match &self.projections {
            Projections::Linear { input, .. } => input.forward(&to_rows(&hidden)?)?,
            Projections::Conv { input, .. } => to_rows(&input.forward(&hidden)?)?,
        };
        for layer in &self.layers {
            hidden = layer.forward(hidden, context.next()?)?;
        }
        hidden = match &self.projections {
            Projections::Linear { output, .. } => to_map(&output.forward(&hidden)?)?,
            Projections::Conv { output, .. } => output.forward(&to_map(&hidden)?)?,
        };
        x + hidden
    }
}

struct TransformerLayer {
    norm1: LayerNorm,
    self_qkv: Linear,
    self_out: Linear,
    norm2: LayerNorm,
    text_query: Linear,
    text_key: Linear,
    text_value: Linear,
    text_out: Linear,
    norm3: LayerNorm,
    gate: Linear,
    out: Linear,
    width: usize,
    attention: Attention,
}

impl TransformerLayer {
    fn load(weights: &Weights, shape: TransformerShape) -> Loaded<Self> {
        let width = shape.channels;
        let norm = |name: &str| LayerNorm::load(&weights.sub(name), width, LAYER_NORM_EPS);
        let plain = |name: &str, input: usize| Linear::load_unbiased(&weights.sub(name), input, width);
        let qkv = [plain("attn1.to_q", width)?, plain("attn1.to_k", width)?, plain("attn1.to_v", width)?];
        Ok(Self {
            norm1: norm("norm1")?,
            self_qkv: Linear::side_by_side(&qkv).map_err(|e| weights.failed(e))?,
            self_out: Linear::load(&weights.sub("attn1.to_out.0"), width, width)?,
            norm2: norm("norm2")?,
            text_query: plain("attn2.to_q", width)?,
            text_key: plain("attn2.to_k", shape.text_width)?,
            text_value: plain("attn2.to_v", shape.text_width)?,
            text_out: Linear::load(&weights.sub("attn2.to_out.0"), width, width)?,
            norm3: norm("norm3")?,
            gate: Linear::load(&weights.sub("ff.net.0.proj"), width, width * 8)?,
            out: Linear::load(&weights.sub("ff.net.2"), width * 4, width)?,
            width,
            attention: Attention::full(shape.heads),
        })
    }

    fn forward(&self, mut x: Tensor, text: &(Tensor, Tensor)) -> Result<Tensor> {
        x = (&x + self.look_around(&x)?)?;
        x = (&x + self.read(&x, text)?)?;
        &x + self.feed_forward(&x)?
    }

    fn look_around(&self, x: &Tensor) -> Result<Tensor> {
        let qkv = self.self_qkv.forward(&self.norm1.forward(x)?)?;
        let part = |i: usize| qkv.narrow(2, i * self.width, self.width);
        self.self_out.forward(&attention(&part(0)?, &part(1)?, &part(2)?, self.attention)?)
    }

    fn read(&self, x: &Tensor, (key, value): &(Tensor, Tensor)) -> Result<Tensor> {
        let query = self.text_query.forward(&self.norm2.forward(x)?)?;
        self.text_out.forward(&attention(&query, key, value, self.attention)?)
    }

    fn feed_forward(&self, x: &Tensor) -> Result<Tensor> {
        // The widest map of all; what it is made of and what comes of it are not held at the same time.
        let mut hidden = self.norm3.forward(x)?;
        hidden = self.gate.forward(&hidden)?;
        hidden = geglu(&hidden)?;
        self.out.forward(&hidden)
    }
}
