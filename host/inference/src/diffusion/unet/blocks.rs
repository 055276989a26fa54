//! The levels of the UNet: down, middle and up.

use candle_core::{Result, Tensor, bail};

use super::config::{BlockKind, Level, UnetConfig};
use super::transformer::{ContextReader, PromptContext, Transformer, TransformerShape};
use crate::diffusion::resnet::{ResnetBlock, ResnetStyle, Upsample};
use crate::nn::Conv2d;
use crate::tensor::Conv2dGeometry;
use crate::weights::{Loaded, Weights};

/// A residual block with the transformer after it, if the level has any.
struct Stage {
    resnet: ResnetBlock,
    transformer: Option<Transformer>,
}

impl Stage {
    /// Takes what comes in, which may be wider than what goes on and is of no use once it has been through the block.
    fn forward(&self, mut x: Tensor, time: &Tensor, context: &mut ContextReader) -> Result<Tensor> {
        x = self.resnet.forward(&x, Some(time))?;
        match &self.transformer {
            Some(transformer) => transformer.forward(&x, context),
            None => Ok(x),
        }
    }
}

fn transformer_shape(config: &UnetConfig, level: &Level) -> TransformerShape {
    TransformerShape {
        channels: level.channels,
        heads: level.heads,
        layers: level.transformer_layers,
        text_width: level.text_width,
        groups: config.norm_groups,
        linear_projection: config.linear_projection,
    }
}

fn load_transformer(
    config: &UnetConfig,
    level: &Level,
    kind: BlockKind,
    weights: &Weights,
    index: usize,
) -> Loaded<Option<Transformer>> {
    match kind {
        BlockKind::Plain => Ok(None),
        BlockKind::CrossAttention => {
            let weights = weights.sub(format_args!("attentions.{index}"));
            Transformer::load(&weights, transformer_shape(config, level)).map(Some)
        }
    }
}

/// A level on the way down.
pub(super) struct DownBlock {
    stages: Vec<Stage>,
    downsample: Option<Conv2d>,
}

impl DownBlock {
    pub(super) fn load_all(config: &UnetConfig, weights: &Weights, style: ResnetStyle) -> Loaded<Vec<Self>> {
        let mut input = config.levels.first().map_or(0, |level| level.channels);
        let last = config.levels.len().saturating_sub(1);
        let mut blocks = Vec::new();
        for (i, level) in config.levels.iter().enumerate() {
            let weights = weights.sub(format_args!("down_blocks.{i}"));
            blocks.push(Self::load(config, level, input, i == last, &weights, style)?);
            input = level.channels;
        }
        Ok(blocks)
    }

    fn load(
        config: &UnetConfig,
        level: &Level,
        input: usize,
        is_last: bool,
        weights: &Weights,
        style: ResnetStyle,
    ) -> Loaded<Self> {
        let channels = level.channels;
        let mut stages = Vec::new();
        for j in 0..level.layers {
            let input = if j == 0 { input } else { channels };
            let resnet = weights.sub(format_args!("resnets.{j}"));
            stages.push(Stage {
                resnet: ResnetBlock::load(&resnet, input, channels, style)?,
                transformer: load_transformer(config, level, level.down, weights, j)?,
            });
        }
        let padding = config.downsample_padding;
        // Without padding, diffusers pads the far sides by one so that sizes halve exactly.
        let pad_after = if padding == 0 { 1 } else { padding };
        let geometry = Conv2dGeometry { stride: 2, pad_before: padding, pad_after, dilation: 1 };
        let downsample = (!is_last)
            .then(|| Conv2d::load(&weights.sub("downsamplers.0.conv"), channels, channels, 3, geometry))
            .transpose()?;
        Ok(Self { stages, downsample })
    }

    pub(super) fn project(&self, text: &Tensor, context: &mut PromptContext) -> Result<()> {
        project_stages(&self.stages, text, context)
    }

    /// Applies the level, pushing every feature map that the way up joins again.
    pub(super) fn forward(
        &self,
        mut x: Tensor,
        time: &Tensor,
        context: &mut ContextReader,
        skips: &mut Vec<Tensor>,
    ) -> Result<Tensor> {
        for stage in &self.stages {
            x = stage.forward(x, time, context)?;
            skips.push(x.clone());
        }
        if let Some(downsample) = &self.downsample {
            x = downsample.forward(&x)?;
            skips.push(x.clone());
        }
        Ok(x)
    }
}

/// The level at the bottom: residual block, transformer, residual block.
pub(super) struct MidBlock {
    before: ResnetBlock,
    transformer: Transformer,
    after: ResnetBlock,
}

impl MidBlock {
    pub(super) fn load(config: &UnetConfig, weights: &Weights, style: ResnetStyle) -> Loaded<Self> {
        let Some(level) = config.levels.last() else {
            return Err(weights.failed(candle_core::Error::Msg("a network without levels".into())));
        };
        let channels = level.channels;
        Ok(Self {
            before: ResnetBlock::load(&weights.sub("resnets.0"), channels, channels, style)?,
            transformer: Transformer::load(&weights.sub("attentions.0"), transformer_shape(config, level))?,
            after: ResnetBlock::load(&weights.sub("resnets.1"), channels, channels, style)?,
        })
    }

    pub(super) fn project(&self, text: &Tensor, context: &mut PromptContext) -> Result<()> {
        self.transformer.project(text, context)
    }

    pub(super) fn forward(&self, x: &Tensor, time: &Tensor, context: &mut ContextReader) -> Result<Tensor> {
        let x = self.before.forward(x, Some(time))?;
        let x = self.transformer.forward(&x, context)?;
        self.after.forward(&x, Some(time))
    }
}

/// A level on the way up.
pub(super) struct UpBlock {
    stages: Vec<Stage>,
    upsample: Option<Upsample>,
}

impl UpBlock {
    pub(super) fn load_all(config: &UnetConfig, weights: &Weights, style: ResnetStyle) -> Loaded<Vec<Self>> {
        let upwards: Vec<&Level> = config.levels.iter().rev().collect();
        let mut below = upwards.first().map_or(0, |level| level.channels);
        let mut blocks = Vec::new();
        for (i, level) in upwards.iter().enumerate() {
            // The last map to join comes from the level above; the top level's comes from the first convolution.
            let above = upwards.get(i + 1);
            let weights = weights.sub(format_args!("up_blocks.{i}"));
            let last_skip = above.map_or(level.channels, |above| above.channels);
            let mut stages = Vec::new();
            for j in 0..=level.layers {
                let own = if j == 0 { below } else { level.channels };
                let skip = if j == level.layers { last_skip } else { level.channels };
                let resnet = weights.sub(format_args!("resnets.{j}"));
                stages.push(Stage {
                    resnet: ResnetBlock::load(&resnet, own + skip, level.channels, style)?,
                    transformer: load_transformer(config, level, level.up, &weights, j)?,
                });
            }
            let upsample =
                above.map(|_| Upsample::load(&weights.sub("upsamplers.0"), level.channels)).transpose()?;
            blocks.push(Self { stages, upsample });
            below = level.channels;
        }
        Ok(blocks)
    }

    pub(super) fn project(&self, text: &Tensor, context: &mut PromptContext) -> Result<()> {
        project_stages(&self.stages, text, context)
    }

    /// Applies the level, joining feature maps from the way down in reverse order.
    pub(super) fn forward(
        &self,
        mut x: Tensor,
        time: &Tensor,
        context: &mut ContextReader,
        skips: &mut Vec<Tensor>,
    ) -> Result<Tensor> {
        for stage in &self.stages {
            let Some(skip) = skips.pop() else { bail!("the way up has more stages than the way down") };
            x = Tensor::cat(&[x, skip], 1)?;
            x = stage.forward(x, time, context)?;
        }
        if let Some(upsample) = &self.upsample {
            // The next map to join has the size to reach, which is not twice this one where a size was odd.
            let Some(next) = skips.last() else { bail!("the way up has more levels than the way down") };
            let (_, _, height, width) = next.dims4()?;
            x = upsample.forward(&x, height, width)?;
        }
        Ok(x)
    }
}

fn project_stages(stages: &[Stage], text: &Tensor, context: &mut PromptContext) -> Result<()> {
    stages.iter().filter_map(|s| s.transformer.as_ref()).try_for_each(|t| t.project(text, context))
}
