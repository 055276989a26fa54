//! The DPT head: joins what the backbone saw at several depths into one map, coarse to fine (Ranftl et al., arXiv
//! 2103.13413).

use candle_core::{Result, Tensor};

use super::config::{DepthConfig, DepthKind, Level, Rescale};
use crate::nn::Conv2d;
use crate::tensor::{Conv2dGeometry, Interpolation, conv2d, interpolate};
use crate::weights::{Loaded, Weights};

/// The head with its weights.
pub struct DptHead {
    levels: Vec<LevelReader>,
    fusions: Vec<Fusion>,
    conv1: Conv2d,
    conv2: Conv2d,
    conv3: Conv2d,
    kind: DepthKind,
    patch: usize,
}

impl DptHead {
    /// Loads the weights below `neck.` and `head.`.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(config: &DepthConfig, weights: &Weights) -> Loaded<Self> {
        let (neck, head) = (weights.sub("neck"), weights.sub("head"));
        let fusion = config.fusion_width;
        let mut levels = Vec::with_capacity(config.levels.len());
        let mut fusions = Vec::with_capacity(config.levels.len());
        for (i, level) in config.levels.iter().enumerate() {
            levels.push(LevelReader::load(level, config, &neck, i)?);
            fusions.push(Fusion::load(fusion, &neck.sub(format_args!("fusion_stage.layers.{i}")))?);
        }
        Ok(Self {
            levels,
            fusions,
            conv1: Conv2d::load(&head.sub("conv1"), fusion, fusion / 2, 3, Conv2dGeometry::padded(1))?,
            conv2: Conv2d::load(
                &head.sub("conv2"),
                fusion / 2,
                config.head_width,
                3,
                Conv2dGeometry::padded(1),
            )?,
            conv3: Conv2d::load(&head.sub("conv3"), config.head_width, 1, 1, Conv2dGeometry::padded(0))?,
            kind: config.kind,
            patch: config.backbone.patch,
        })
    }

    /// The map (1, 1, height, width) for a picture of that size, from the backbone's states at each level (1,
    /// channels, rows, columns), finest first.
    ///
    /// # Errors
    /// A tensor operation fails.
    pub fn forward(&self, states: &[Tensor]) -> Result<Tensor> {
        let Some(first) = states.first().filter(|_| states.len() == self.levels.len()) else {
            candle_core::bail!("{} states do not fit {} levels", states.len(), self.levels.len());
        };
        let (_, _, rows, columns) = first.dims4()?;
        let features = self.levels.iter().zip(states).map(|(level, x)| level.forward(x));
        let mut features = features.collect::<Result<Vec<_>>>()?;
        let mut joined: Option<Tensor> = None;
        for fusion in &self.fusions {
            let Some(feature) = features.pop() else { break };
            let size = features.last().map(|finer| finer.dims4()).transpose()?;
            joined = Some(fusion.forward(joined.as_ref(), &feature, size.map(|(_, _, h, w)| (h, w)))?);
        }
        let Some(joined) = joined else { candle_core::bail!("there are no levels to join") };
        let (height, width) = (rows * self.patch, columns * self.patch);
        // The largest maps of the model: each is dropped as soon as the next is there.
        let mut map = self.conv1.forward(&joined)?;
        drop(joined);
        map = interpolate(&map, height, width, Interpolation::BilinearCorners)?;
        map = self.conv2.forward(&map)?;
        map = self.conv3.forward(&map.relu()?)?;
        match self.kind {
            DepthKind::Relative => map.relu(),
            DepthKind::Metric(most) => (map.neg()?.exp()? + 1.0)?.recip()? * most,
        }
    }
}

/// Turns the backbone's states at one depth into a map of the head's width.
struct LevelReader {
    projection: Conv2d,
    resize: Resize,
    conv: Conv2d,
}

/// The learned change of size of a level.
enum Resize {
    Keep,
    /// A transposed convolution whose kernel is as wide as its stride: each position spreads over its own square.
    /// Stored as the 1x1 convolution (out * factor², in) that gives the square's pixels as channels.
    Spread {
        weight: Tensor,
        bias: Tensor,
        factor: usize,
    },
    Shrink(Conv2d),
}

impl LevelReader {
    fn load(level: &Level, config: &DepthConfig, neck: &Weights, index: usize) -> Loaded<Self> {
        let channels = level.channels;
        let reader = neck.sub(format_args!("reassemble_stage.layers.{index}"));
        let resize = reader.sub("resize");
        let width = config.backbone.width;
        Ok(Self {
            projection: Conv2d::load(
                &reader.sub("projection"),
                width,
                channels,
                1,
                Conv2dGeometry::padded(0),
            )?,
            resize: match level.rescale {
                Rescale::Keep => Resize::Keep,
                Rescale::Up(factor) => spread(&resize, channels, factor)?,
                Rescale::Down(stride) => {
                    let geometry = Conv2dGeometry { stride, pad_before: 1, pad_after: 1, dilation: 1 };
                    Resize::Shrink(Conv2d::load(&resize, channels, channels, 3, geometry)?)
                }
            },
            conv: Conv2d::load_unbiased(
                &neck.sub(format_args!("convs.{index}")),
                channels,
                config.fusion_width,
                3,
                Conv2dGeometry::padded(1),
            )?,
        })
    }

    fn forward(&self, states: &Tensor) -> Result<Tensor> {
        let x = self.projection.forward(states)?;
        let x = match &self.resize {
            Resize::Keep => x,
            Resize::Shrink(conv) => conv.forward(&x)?,
            Resize::Spread { weight, bias, factor } => {
                let (_, channels, rows, columns) = x.dims4()?;
                let squares = conv2d(&x, weight, bias, Conv2dGeometry::padded(0))?;
                let squares = squares.reshape((channels, *factor, *factor, rows, columns))?;
                let spread = squares.permute((0, 3, 1, 4, 2))?.contiguous()?;
                spread.reshape((1, channels, rows * factor, columns * factor))?
            }
        };
        self.conv.forward(&x)
    }
}

/// Loads a transposed convolution (in, out, factor, factor) as a 1x1 convolution.
fn spread(weights: &Weights, channels: usize, factor: usize) -> Loaded<Resize> {
    let kernel = weights.tensor("weight", &[channels, channels, factor, factor])?;
    let bias = weights.tensor("bias", &[channels])?;
    let pixels = factor * factor;
    let weight = kernel
        .permute((1, 2, 3, 0))
        .and_then(|k| k.contiguous())
        .and_then(|k| k.reshape((channels * pixels, channels, 1, 1)));
    let bias = bias.unsqueeze(1).and_then(|b| b.repeat((1, pixels))).and_then(|b| b.flatten_all());
    let failed = |e| weights.failed(e);
    Ok(Resize::Spread { weight: weight.map_err(failed)?, bias: bias.map_err(failed)?, factor })
}

/// Joins a level with what the coarser ones gave.
struct Fusion {
    beside: Residual,
    after: Residual,
    projection: Conv2d,
}

impl Fusion {
    fn load(width: usize, weights: &Weights) -> Loaded<Self> {
        let projection = weights.sub("projection");
        Ok(Self {
            beside: Residual::load(width, &weights.sub("residual_layer1"))?,
            after: Residual::load(width, &weights.sub("residual_layer2"))?,
            projection: Conv2d::load(&projection, width, width, 1, Conv2dGeometry::padded(0))?,
        })
    }

    /// Joins and resizes to `size` (height, width), or to twice the size.
    fn forward(
        &self,
        coarser: Option<&Tensor>,
        level: &Tensor,
        size: Option<(usize, usize)>,
    ) -> Result<Tensor> {
        let joined = match coarser {
            None => level.clone(),
            Some(coarser) => (coarser + self.beside.forward(level)?)?,
        };
        let joined = self.after.forward(&joined)?;
        let (_, _, height, width) = joined.dims4()?;
        let (height, width) = size.unwrap_or((height * 2, width * 2));
        self.projection.forward(&interpolate(&joined, height, width, Interpolation::BilinearCorners)?)
    }
}

/// Two convolutions that add to their input, each after a rectifier.
struct Residual {
    conv1: Conv2d,
    conv2: Conv2d,
}

impl Residual {
    fn load(width: usize, weights: &Weights) -> Loaded<Self> {
        let conv = |name: &str| Conv2d::load(&weights.sub(name), width, width, 3, Conv2dGeometry::padded(1));
        Ok(Self { conv1: conv("convolution1")?, conv2: conv("convolution2")? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x + self.conv2.forward(&self.conv1.forward(&x.relu()?)?.relu()?)?
    }
}
