//! U²-Net and IS-Net with their weights, and the way from a picture to its matte, which is that of rembg.

use candle_core::{Device, Result, Tensor};

use super::blocks::UBlock;
use super::layout::{STAGES, SalientKind, SalientLayout};
use crate::engine::Picture;
use crate::nn::Conv2d;
use crate::pixels::{Kernel, PictureError, check_picture, resize};
use crate::tensor::{Conv2dGeometry, Interpolation, Rectifier, interpolate, max_pool_halving};
use crate::weights::{Loaded, Weights};

/// Stages on the way down.
const ENCODER: usize = 6;

/// Why a matte could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MatteError {
    /// The picture is not one.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The network gave numbers that are not finite.
    #[error("the network gave numbers that are not finite; its weights are damaged")]
    NotFinite,
    /// A tensor operation failed.
    #[error("the network failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// A network with its weights.
pub struct SalientNetwork {
    kind: SalientKind,
    input: Option<Conv2d>,
    encoder: Vec<UBlock>,
    decoder: Vec<UBlock>,
    /// One map from the features of each level, the largest first.
    sides: Vec<Conv2d>,
    /// Joins the maps of all levels.
    join: Option<Conv2d>,
    device: Device,
}

impl SalientNetwork {
    /// Loads the weights onto a device.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(layout: &SalientLayout, device: &Device) -> Loaded<Self> {
        let weights = Weights::new(layout.weights.clone(), device).below(&layout.prefix);
        let stages = STAGES.iter().zip(&layout.widths);
        let mut encoder = stages
            .map(|(&(name, depth), &width)| UBlock::load(&weights.sub(name), depth, width))
            .collect::<Loaded<Vec<_>>>()?;
        let decoder = encoder.split_off(ENCODER);
        // The largest level comes last on the way up; the smallest is the bottom of the way down.
        let mut widths: Vec<usize> = layout.widths.iter().skip(ENCODER - 1).map(|w| w.output).collect();
        widths.reverse();
        let side = |(i, &width): (usize, &usize)| {
            let name = format!("side{}", i + 1);
            Conv2d::load(&weights.sub(name), width, 1, 3, Conv2dGeometry::padded(1))
        };
        let is_net = layout.kind == SalientKind::IsNet;
        let sides = widths.iter().enumerate().take(if is_net { 1 } else { widths.len() }).map(side);
        let sides = sides.collect::<Loaded<Vec<_>>>()?;
        let halving = Conv2dGeometry { stride: 2, ..Conv2dGeometry::padded(1) };
        let first = layout.widths.first().map_or(0, |w| w.input);
        let input = is_net.then(|| Conv2d::load(&weights.sub("conv_in"), 3, first, 3, halving));
        let pointwise = Conv2dGeometry::padded(0);
        let join = (!is_net).then(|| Conv2d::load(&weights.sub("outconv"), sides.len(), 1, 1, pointwise));
        Ok(Self {
            kind: layout.kind,
            input: input.transpose()?,
            encoder,
            decoder,
            sides,
            join: join.transpose()?,
            device: device.clone(),
        })
    }

    /// Which network it is.
    pub fn kind(&self) -> SalientKind {
        self.kind
    }

    /// From normalised pictures (batch, 3, height, width) to how much each pixel stands out, (batch, 1, height, width)
    /// in 0..1.
    pub fn forward(&self, pictures: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = pictures.dims4()?;
        let mut x = match &self.input {
            Some(input) => input.forward(pictures)?,
            None => pictures.clone(),
        };
        let mut maps: Vec<Tensor> = Vec::with_capacity(ENCODER);
        for (level, stage) in self.encoder.iter().enumerate() {
            if level > 0 {
                x = max_pool_halving(&x)?;
            }
            x = stage.forward(&[&x])?;
            maps.push(x.clone());
        }
        maps.pop();
        let mut features = vec![x.clone()];
        for stage in &self.decoder {
            let Some(beside) = maps.pop() else { break };
            let (_, _, height, width) = beside.dims4()?;
            x = stage.forward(&[&interpolate(&x, height, width, Interpolation::Bilinear)?, &beside])?;
            features.push(x.clone());
        }
        let sides = self.sides.iter().zip(features.iter().rev());
        let sides = sides
            .map(|(side, features)| {
                interpolate(
                    &side.forward_rectified(features, &Rectifier::None)?,
                    height,
                    width,
                    Interpolation::Bilinear,
                )
            })
            .collect::<Result<Vec<_>>>()?;
        let joined = Tensor::cat(&sides, 1)?;
        let logits = match &self.join {
            Some(join) => join.forward(&joined)?,
            None => joined,
        };
        (logits.neg()?.exp()? + 1.0)?.recip()
    }

    /// How much each pixel of a picture stands out: one byte a pixel, row by row, 0 for the background and 255 for
    /// the foreground. The least and the most of the network's answer become 0 and 255.
    ///
    /// # Errors
    /// The picture has no pixels or not the bytes that its size asks for, or the network fails.
    pub fn matte(&self, picture: &Picture) -> std::result::Result<Vec<u8>, MatteError> {
        check_picture(picture)?;
        let (size, edge) = ((picture.width, picture.height), self.kind.input_size());
        let square = resize(&picture.rgb, 3, size, (edge, edge), Kernel::Lanczos)?;
        let input = self.normalised(&square, edge as usize)?;
        let answer = self.forward(&input)?.flatten_all()?.to_vec1::<f32>()?;
        if answer.iter().any(|value| !value.is_finite()) {
            return Err(MatteError::NotFinite);
        }
        let least = answer.iter().copied().fold(f32::INFINITY, f32::min);
        let most = answer.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // An answer that is the same everywhere is taken as it is.
        let (least, range) = if most > least { (least, most - least) } else { (0.0, 1.0) };
        let matte: Vec<u8> = answer.iter().map(|value| ((value - least) / range * 255.0) as u8).collect();
        Ok(resize(&matte, 1, (edge, edge), size, Kernel::Lanczos)?)
    }

    /// A square picture as (1, 3, edge, edge): divided by its largest sample, then normalised per channel with the
    /// numbers that the network was trained with.
    fn normalised(&self, rgb: &[u8], edge: usize) -> Result<Tensor> {
        let (means, deviation) = match self.kind {
            SalientKind::U2Net => ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            SalientKind::IsNet => ([0.5; 3], [1.0; 3]),
        };
        let largest = f64::from(rgb.iter().copied().max().unwrap_or(0)).max(1e-6);
        let mut values = Vec::with_capacity(rgb.len());
        for (channel, (mean, deviation)) in means.into_iter().zip(deviation).enumerate() {
            let samples = rgb.iter().skip(channel).step_by(3);
            values.extend(samples.map(|&s| ((f64::from(s) / largest - mean) / deviation) as f32));
        }
        Tensor::from_vec(values, (1, 3, edge, edge), &self.device)
    }
}
