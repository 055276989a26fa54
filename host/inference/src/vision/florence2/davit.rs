//! DaViT, the vision tower: attention within windows of tokens and attention between channels take turns (Ding et
//! al., arXiv 2204.03645).

use candle_core::{Result, Tensor};

use super::config::{Stage, TowerConfig};
use super::names::{BlockKind, Names};
use crate::nn::{Conv2d, DepthwiseConv2d, LayerNorm, Linear};
use crate::tensor::{self, Attention, Conv2dGeometry, attention};
use crate::weights::{Loaded, Weights};

/// Added to variances in layer norms.
pub(super) const EPS: f64 = 1e-5;

/// The tower with its weights.
pub struct Davit {
    stages: Vec<StageLayers>,
}

impl Davit {
    /// Loads the weights.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &TowerConfig, names: Names, weights: &Weights) -> Loaded<Self> {
        let tower = names.tower(weights);
        let mut input = 3;
        let mut stages = Vec::with_capacity(config.stages.len());
        for (index, stage) in config.stages.iter().enumerate() {
            let begin = PatchEmbedding::load(stage, input, names, &tower.sub(format_args!("convs.{index}")))?;
            let mut blocks = Vec::with_capacity(stage.blocks * 2);
            for block in 0..stage.blocks {
                let pair = tower.sub(format_args!("blocks.{index}.{block}"));
                for kind in [BlockKind::Window, BlockKind::Channel] {
                    blocks.push(Block::load(config, stage, kind, names, &pair)?);
                }
            }
            stages.push(StageLayers { begin, blocks });
            input = stage.width;
        }
        Ok(Self { stages })
    }

    /// Features (1, width, rows, columns) of a picture (1, 3, height, width).
    ///
    /// # Errors
    /// The picture is too small for a stage.
    pub fn forward(&self, picture: &Tensor) -> Result<Tensor> {
        let mut x = picture.clone();
        for stage in &self.stages {
            x = stage.begin.forward(&x)?;
            for block in &stage.blocks {
                x = block.forward(&x)?;
            }
        }
        Ok(x)
    }
}

struct StageLayers {
    begin: PatchEmbedding,
    blocks: Vec<Block>,
}

/// A strided convolution that makes the tokens of a stage.
struct PatchEmbedding {
    conv: Conv2d,
    norm: LayerNorm,
    norm_first: bool,
}

impl PatchEmbedding {
    fn load(stage: &Stage, input: usize, names: Names, weights: &Weights) -> Loaded<Self> {
        let geometry = Conv2dGeometry {
            stride: stage.stride,
            pad_before: stage.padding,
            pad_after: stage.padding,
            dilation: 1,
        };
        let normed = if stage.norm_first { input } else { stage.width };
        Ok(Self {
            conv: Conv2d::load(&names.patches(weights), input, stage.width, stage.kernel, geometry)?,
            norm: LayerNorm::load(&weights.sub("norm"), normed, EPS)?,
            norm_first: stage.norm_first,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if self.norm_first {
            self.conv.forward(&self.norm_channels(x)?)
        } else {
            self.norm_channels(&self.conv.forward(x)?)
        }
    }

    fn norm_channels(&self, x: &Tensor) -> Result<Tensor> {
        let (_, _, rows, columns) = x.dims4()?;
        to_map(&self.norm.forward(&to_tokens(x)?)?, rows, columns)
    }
}

/// (1, channels, rows, columns) to (1, tokens, channels).
pub(super) fn to_tokens(map: &Tensor) -> Result<Tensor> {
    map.flatten_from(2)?.transpose(1, 2)?.contiguous()
}

/// (1, tokens, channels) to (1, channels, rows, columns).
fn to_map(tokens: &Tensor, rows: usize, columns: usize) -> Result<Tensor> {
    let (batch, _, channels) = tokens.dims3()?;
    tokens.transpose(1, 2)?.contiguous()?.reshape((batch, channels, rows, columns))
}

/// Attention and feed-forward layers, each after a depthwise convolution that adds to its input.
struct Block {
    conv1: DepthwiseConv2d,
    norm1: LayerNorm,
    attention: BlockAttention,
    conv2: DepthwiseConv2d,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl Block {
    fn load(
        config: &TowerConfig,
        stage: &Stage,
        kind: BlockKind,
        names: Names,
        weights: &Weights,
    ) -> Loaded<Self> {
        let names = names.block(weights, kind);
        let width = stage.width;
        let inner = (width as f64 * config.inner_ratio) as usize;
        Ok(Self {
            conv1: DepthwiseConv2d::load(&names.conv1, width)?,
            norm1: LayerNorm::load(&names.norm1, width, EPS)?,
            attention: BlockAttention {
                qkv: Linear::load(&names.attention.sub("qkv"), width, width * 3)?,
                out: Linear::load(&names.attention.sub("proj"), width, width)?,
                width,
                reach: match kind {
                    BlockKind::Window => Reach::Window { edge: config.window, heads: stage.heads },
                    BlockKind::Channel => Reach::Channels { groups: stage.groups },
                },
            },
            conv2: DepthwiseConv2d::load(&names.conv2, width)?,
            norm2: LayerNorm::load(&names.norm2, width, EPS)?,
            fc1: Linear::load(&names.feed_forward.sub("fc1"), width, inner)?,
            fc2: Linear::load(&names.feed_forward.sub("fc2"), inner, width)?,
        })
    }

    fn forward(&self, map: &Tensor) -> Result<Tensor> {
        let (_, _, rows, columns) = map.dims4()?;
        let x = to_tokens(&(map + self.conv1.forward(map)?)?)?;
        let x = (&x + self.attention.forward(&self.norm1.forward(&x)?, rows, columns)?)?;
        let map = to_map(&x, rows, columns)?;
        let x = to_tokens(&(&map + self.conv2.forward(&map)?)?)?;
        let inner = tensor::gelu(&self.fc1.forward(&self.norm2.forward(&x)?)?)?;
        to_map(&(x + self.fc2.forward(&inner)?)?, rows, columns)
    }
}

/// What attends to what.
enum Reach {
    /// Tokens to those of their window; windows at the right and lower edge are filled up with zeros.
    Window { edge: usize, heads: usize },
    /// Channels to those of their group, each channel described by its values at all tokens.
    Channels { groups: usize },
}

struct BlockAttention {
    qkv: Linear,
    out: Linear,
    width: usize,
    reach: Reach,
}

impl BlockAttention {
    /// Attends within (1, rows * columns, width).
    fn forward(&self, x: &Tensor, rows: usize, columns: usize) -> Result<Tensor> {
        match self.reach {
            Reach::Window { edge, heads } => {
                let windows = into_windows(x, rows, columns, edge)?;
                let qkv = self.qkv.forward(&windows)?;
                let part = |i: usize| qkv.narrow(2, i * self.width, self.width);
                let options = Attention::full(heads);
                let seen = attention(&part(0)?, &part(1)?, &part(2)?, options)?;
                from_windows(&self.out.forward(&seen)?, rows, columns, edge)
            }
            Reach::Channels { groups } => {
                let channels = self.qkv.forward(x)?.transpose(1, 2)?.contiguous()?;
                let part = |i: usize| {
                    let part = channels.narrow(1, i * self.width, self.width)?;
                    part.reshape((groups, self.width / groups, rows * columns))
                };
                // With one head the scores are divided by the root of the rows' length, here the token count.
                let options = Attention::full(1);
                let seen = attention(&part(0)?, &part(1)?, &part(2)?, options)?;
                let tokens = seen.reshape((1, self.width, rows * columns))?.transpose(1, 2)?;
                self.out.forward(&tokens)
            }
        }
    }
}

/// (1, rows * columns, width) to (windows, edge², width).
fn into_windows(x: &Tensor, rows: usize, columns: usize, edge: usize) -> Result<Tensor> {
    let width = x.dim(2)?;
    let (down, across) = (rows.div_ceil(edge), columns.div_ceil(edge));
    x.reshape((rows, columns, width))?
        .pad_with_zeros(0, 0, down * edge - rows)?
        .pad_with_zeros(1, 0, across * edge - columns)?
        .reshape((down, edge, across, edge, width))?
        .transpose(1, 2)?
        .contiguous()?
        .reshape((down * across, edge * edge, width))
}

/// The way back, without what was filled up.
fn from_windows(x: &Tensor, rows: usize, columns: usize, edge: usize) -> Result<Tensor> {
    let width = x.dim(2)?;
    let (down, across) = (rows.div_ceil(edge), columns.div_ceil(edge));
    x.reshape((down, across, edge, edge, width))?
        .transpose(1, 2)?
        .contiguous()?
        .reshape((down * edge, across * edge, width))?
        .narrow(0, 0, rows)?
        .narrow(1, 0, columns)?
        .contiguous()?
        .reshape((1, rows * columns, width))
}
