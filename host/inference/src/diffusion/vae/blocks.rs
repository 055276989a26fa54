//! The encoder and decoder halves and the middle block that both have.

use candle_core::{Device, Result, Tensor};

use super::config::VaeConfig;
use crate::diffusion::resnet::{ResnetBlock, ResnetStyle, Upsample};
use crate::nn::{Conv2d, GroupNorm, Linear};
use crate::tensor::{Attention, Conv2dGeometry, attention};
use crate::weights::{Loaded, Weights};

/// Epsilon of all norms in the autoencoder.
const EPS: f64 = 1e-6;

fn style(config: &VaeConfig) -> ResnetStyle {
    ResnetStyle { time_width: None, groups: config.norm_groups, eps: EPS }
}

/// Consecutive residual blocks from `input` to `output` channels.
fn load_resnets(
    weights: &Weights,
    count: usize,
    input: usize,
    output: usize,
    style: ResnetStyle,
) -> Loaded<Vec<ResnetBlock>> {
    (0..count)
        .map(|j| {
            let input = if j == 0 { input } else { output };
            ResnetBlock::load(&weights.sub(format_args!("resnets.{j}")), input, output, style)
        })
        .collect()
}

/// Pictures to latent moments.
pub(super) struct Encoder {
    pub(super) conv_in: Conv2d,
    pub(super) levels: Vec<EncoderLevel>,
    mid: MidBlock,
    norm_out: GroupNorm,
    conv_out: Conv2d,
    /// Groups of all norms.
    pub(super) norm_groups: usize,
}

/// Residual blocks, and a convolution that halves the map at all levels but the last.
pub(super) struct EncoderLevel {
    pub(super) resnets: Vec<ResnetBlock>,
    pub(super) downsample: Option<Conv2d>,
}

impl Encoder {
    pub(super) fn load(config: &VaeConfig, weights: &Weights) -> Loaded<Self> {
        let same = Conv2dGeometry::padded(1);
        let first = config.channels.first().copied().unwrap_or_default();
        let last = config.channels.last().copied().unwrap_or_default();
        // The far sides are padded by one, so that sizes halve exactly.
        let halving = Conv2dGeometry { stride: 2, pad_before: 0, pad_after: 1, dilation: 1 };
        let mut levels = Vec::new();
        let mut input = first;
        for (i, &channels) in config.channels.iter().enumerate() {
            let weights = weights.sub(format_args!("down_blocks.{i}"));
            let resnets = load_resnets(&weights, config.layers, input, channels, style(config))?;
            let downsample = (i + 1 < config.channels.len())
                .then(|| Conv2d::load(&weights.sub("downsamplers.0.conv"), channels, channels, 3, halving))
                .transpose()?;
            levels.push(EncoderLevel { resnets, downsample });
            input = channels;
        }
        Ok(Self {
            conv_in: Conv2d::load(&weights.sub("conv_in"), 3, first, 3, same)?,
            levels,
            mid: MidBlock::load(config, last, &weights.sub("mid_block"))?,
            norm_out: GroupNorm::load(&weights.sub("conv_norm_out"), last, config.norm_groups, EPS)?,
            conv_out: Conv2d::load(&weights.sub("conv_out"), last, 2 * config.latent_channels, 3, same)?,
            norm_groups: config.norm_groups,
        })
    }

    pub(super) fn forward(&self, picture: &Tensor) -> Result<Tensor> {
        let mut x = self.conv_in.forward(picture)?;
        for level in &self.levels {
            x = level.forward(x)?;
        }
        self.finish(&x)
    }

    /// What comes after all levels.
    pub(super) fn finish(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.mid.forward(x)?;
        self.conv_out.forward(&self.norm_out.forward_silu(&x)?)
    }
}

impl EncoderLevel {
    pub(super) fn forward(&self, mut x: Tensor) -> Result<Tensor> {
        for resnet in &self.resnets {
            x = resnet.forward(&x, None)?;
        }
        match &self.downsample {
            Some(downsample) => downsample.forward(&x),
            None => Ok(x),
        }
    }
}

/// Latents to pictures.
pub(super) struct Decoder {
    conv_in: Conv2d,
    mid: MidBlock,
    levels: Vec<(Vec<ResnetBlock>, Option<Upsample>)>,
    norm_out: GroupNorm,
    conv_out: Conv2d,
    device: Device,
}

impl Decoder {
    pub(super) fn load(config: &VaeConfig, weights: &Weights) -> Loaded<Self> {
        let same = Conv2dGeometry::padded(1);
        let first = config.channels.first().copied().unwrap_or_default();
        let last = config.channels.last().copied().unwrap_or_default();
        let mut levels = Vec::new();
        let mut input = last;
        for (i, &channels) in config.channels.iter().rev().enumerate() {
            let weights = weights.sub(format_args!("up_blocks.{i}"));
            let resnets = load_resnets(&weights, config.layers + 1, input, channels, style(config))?;
            let upsample = (i + 1 < config.channels.len())
                .then(|| Upsample::load(&weights.sub("upsamplers.0"), channels))
                .transpose()?;
            levels.push((resnets, upsample));
            input = channels;
        }
        Ok(Self {
            conv_in: Conv2d::load(&weights.sub("conv_in"), config.latent_channels, last, 3, same)?,
            mid: MidBlock::load(config, last, &weights.sub("mid_block"))?,
            levels,
            norm_out: GroupNorm::load(&weights.sub("conv_norm_out"), first, config.norm_groups, EPS)?,
            conv_out: Conv2d::load(&weights.sub("conv_out"), first, 3, 3, same)?,
            device: weights.device().clone(),
        })
    }

    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.mid.forward(&self.conv_in.forward(x)?)?;
        for (resnets, upsample) in &self.levels {
            for resnet in resnets {
                x = resnet.forward(&x, None)?;
            }
            if let Some(upsample) = upsample {
                let (_, _, height, width) = x.dims4()?;
                x = upsample.forward(&x, height * 2, width * 2)?;
            }
        }
        self.conv_out.forward(&self.norm_out.forward_silu(&x)?)
    }
}

/// Residual block, attention over all pixels, residual block.
struct MidBlock {
    before: ResnetBlock,
    attention: Option<PixelAttention>,
    after: ResnetBlock,
}

impl MidBlock {
    fn load(config: &VaeConfig, channels: usize, weights: &Weights) -> Loaded<Self> {
        let attention = config
            .mid_attention
            .then(|| PixelAttention::load(channels, config.norm_groups, &weights.sub("attentions.0")));
        Ok(Self {
            before: ResnetBlock::load(&weights.sub("resnets.0"), channels, channels, style(config))?,
            attention: attention.transpose()?,
            after: ResnetBlock::load(&weights.sub("resnets.1"), channels, channels, style(config))?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.before.forward(x, None)?;
        if let Some(attention) = &self.attention {
            x = attention.forward(&x)?;
        }
        self.after.forward(&x, None)
    }
}

/// Self-attention of one head over the pixels of a feature map.
struct PixelAttention {
    norm: GroupNorm,
    qkv: Linear,
    out: Linear,
    channels: usize,
}

impl PixelAttention {
    /// Loads by today's names or by those of older files.
    fn load(channels: usize, groups: usize, weights: &Weights) -> Loaded<Self> {
        let names = if weights.contains("query.weight") {
            ["query", "key", "value", "proj_attn"]
        } else {
            ["to_q", "to_k", "to_v", "to_out.0"]
        };
        let [q, k, v, out] = names.map(|name| Linear::load(&weights.sub(name), channels, channels));
        Ok(Self {
            norm: GroupNorm::load(&weights.sub("group_norm"), channels, groups, EPS)?,
            qkv: Linear::side_by_side(&[q?, k?, v?]).map_err(|e| weights.failed(e))?,
            out: out?,
            channels,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, channels, height, width) = x.dims4()?;
        // Each map takes the place of the one before, which is then gone.
        let mut rows = self.norm.forward(x)?;
        rows = rows.flatten_from(2)?.transpose(1, 2)?.contiguous()?;
        rows = self.qkv.forward(&rows)?;
        let part = |i: usize| rows.narrow(2, i * self.channels, self.channels);
        rows = attention(&part(0)?, &part(1)?, &part(2)?, Attention::full(1))?;
        rows = self.out.forward(&rows)?;
        rows = rows.transpose(1, 2)?.contiguous()?;
        x + rows.reshape((batch, channels, height, width))?
    }
}
