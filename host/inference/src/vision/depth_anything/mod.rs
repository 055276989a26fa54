//! Depth Anything V2: how far away things are, from one picture (Yang et al., arXiv 2406.09414).
//!
//! Computed as transformers' `DepthAnythingForDepthEstimation` with its DPT image processor computes it.

pub mod config;
pub mod dinov2;
pub mod dpt;
pub mod layout;

pub use layout::DepthLayout;

use candle_core::{Device, Tensor};

use self::config::DepthKind;
use self::dinov2::Dinov2;
use self::dpt::DptHead;
use self::layout::Sizing;
use super::VisionError;
use super::pixels::{self, Normalisation};
use crate::Picture;
use crate::pixels::check_picture;
use crate::tensor::{Interpolation, interpolate};
use crate::weights::{Loaded, Weights};

/// How near things are.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthMap {
    /// Pixels across, as the picture has.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// One value per pixel, row by row, from 0 for the farthest to 1 for the nearest; 0 everywhere when all is
    /// equally far.
    pub values: Vec<f32>,
}

impl DepthMap {
    /// The values as 16-bit grey, 0 for 0 and 65535 for 1.
    pub fn to_grey16(&self) -> Vec<u16> {
        self.values.iter().map(|v| (v * f32::from(u16::MAX)).round() as u16).collect()
    }
}

/// The model with its weights.
pub struct DepthModel {
    backbone: Dinov2,
    head: DptHead,
    depths: Vec<usize>,
    kind: DepthKind,
    patch: usize,
    sizing: Sizing,
    normalisation: Normalisation,
    device: Device,
}

impl DepthModel {
    /// Loads the weights.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(layout: &DepthLayout, device: &Device) -> Loaded<Self> {
        let weights = Weights::new(layout.weights.clone(), device);
        let config = &layout.config;
        Ok(Self {
            backbone: Dinov2::load(&config.backbone, &weights.sub("backbone"))?,
            head: DptHead::load(config, &weights)?,
            depths: config.levels.iter().map(|level| level.after_layer).collect(),
            kind: config.kind,
            patch: config.backbone.patch,
            sizing: layout.sizing,
            normalisation: layout.normalisation,
            device: device.clone(),
        })
    }

    /// The model's own numbers (1, height, width) for a normalised picture (1, 3, height, width) in whole patches:
    /// inverse depth, or metres for metric models.
    ///
    /// # Errors
    /// The picture is not in whole patches, or a tensor operation fails.
    pub fn predict(&self, picture: &Tensor) -> candle_core::Result<Tensor> {
        let (_, _, height, width) = picture.dims4()?;
        if height == 0 || width == 0 || height % self.patch != 0 || width % self.patch != 0 {
            candle_core::bail!("{width}x{height} pixels are not in whole patches of {}", self.patch);
        }
        self.head.forward(&self.backbone.forward(picture, &self.depths)?)?.squeeze(1)
    }

    /// How near everything in a picture is, at the picture's size.
    ///
    /// # Errors
    /// The picture has no pixels or is too long for its height, or the weights are not finite.
    pub fn depth(&self, picture: &Picture) -> Result<DepthMap, VisionError> {
        check_picture(picture)?;
        let (height, width) = self.sizing.size_for((picture.height, picture.width), self.patch)?;
        let input =
            pixels::to_tensor(picture, width as u32, height as u32, self.normalisation, &self.device)?;
        let map = self.predict(&input)?.unsqueeze(1)?;
        let (height, width) = (picture.height as usize, picture.width as usize);
        let map = interpolate(&map, height, width, Interpolation::Bicubic)?;
        let mut values = map.flatten_all()?.to_vec1::<f32>()?;
        if values.iter().any(|v| !v.is_finite()) {
            return Err(VisionError::NotFinite);
        }
        if matches!(self.kind, DepthKind::Metric(_)) {
            values.iter_mut().for_each(|v| *v = -*v);
        }
        spread_out(&mut values);
        Ok(DepthMap { width: picture.width, height: picture.height, values })
    }
}

/// Shifts and scales finite values so that they reach from 0 to 1; equal ones become 0.
fn spread_out(values: &mut [f32]) {
    let least = values.iter().copied().fold(f32::INFINITY, f32::min);
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let range = most - least;
    for value in values {
        *value = if range > 0.0 { (*value - least) / range } else { 0.0 };
    }
}
