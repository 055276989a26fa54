//! Pictures as the models take them: resized as Pillow does, scaled, and centred channel by channel.

use std::path::Path;

use candle_core::{Device, Tensor};

use super::VisionError;
use crate::Picture;
use crate::pixels::{Kernel, resize};
use crate::weights::{ConfigFile, Loaded};

/// Mean and spread of red, green and blue in ImageNet, which most models are trained on.
pub const IMAGENET: Normalisation =
    Normalisation { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };

/// How 0..1 becomes what a model takes: (value - mean) / deviation, for red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalisation {
    /// Subtracted from each channel.
    pub mean: [f64; 3],
    /// What each channel is then divided by.
    pub deviation: [f64; 3],
}

impl Normalisation {
    /// Reads `image_mean` and `image_std` of an image processor's configuration; ImageNet's where they are absent.
    ///
    /// # Errors
    /// They are not three numbers each, a deviation is not above zero, or the processor resizes otherwise than
    /// bicubically or scales otherwise than to 0..1.
    pub fn read(config: &ConfigFile) -> Loaded<Self> {
        const PILLOW_BICUBIC: u64 = 3;
        config.must_be("resample", PILLOW_BICUBIC)?;
        for key in ["do_resize", "do_rescale", "do_normalize"] {
            config.must_be(key, true)?;
        }
        let factor = config.number_or("rescale_factor", 1.0 / 255.0)?;
        if (factor * 255.0 - 1.0).abs() > 1e-6 {
            return Err(config.problem("rescale_factor", format!("{factor} is not supported, only 1/255")));
        }
        let channels = |key: &str, default: [f64; 3]| match config.get(key) {
            None => Ok(default),
            Some(_) => <[f64; 3]>::try_from(config.numbers(key)?)
                .map_err(|numbers| config.problem(key, format!("has {} numbers, not 3", numbers.len()))),
        };
        let mean = channels("image_mean", IMAGENET.mean)?;
        let deviation = channels("image_std", IMAGENET.deviation)?;
        if deviation.iter().any(|&d| d <= 0.0) {
            return Err(config.problem("image_std", "must be above 0"));
        }
        Ok(Self { mean, deviation })
    }
}

/// The configuration of a model's image processor: `preprocessor_config.json`, the part of `processor_config.json`
/// that newer folders have instead, or none.
///
/// # Errors
/// The file is broken.
pub fn processor_config(folder: &Path) -> Loaded<Option<ConfigFile>> {
    let own = folder.join("preprocessor_config.json");
    if own.is_file() {
        return ConfigFile::read(&own).map(Some);
    }
    let joint = folder.join("processor_config.json");
    if !joint.is_file() {
        return Ok(None);
    }
    let joint = ConfigFile::read(&joint)?;
    joint.get("image_processor").is_some().then(|| joint.section("image_processor")).transpose()
}

/// The picture at `width` x `height` as a tensor (1, 3, height, width).
///
/// # Errors
/// The picture is not whole.
pub fn to_tensor(
    picture: &Picture,
    width: u32,
    height: u32,
    normalisation: Normalisation,
    device: &Device,
) -> Result<Tensor, VisionError> {
    let picture = resized(picture, width, height)?;
    let mut values = Vec::with_capacity(picture.rgb.len());
    for (channel, (mean, deviation)) in normalisation.mean.iter().zip(normalisation.deviation).enumerate() {
        let bytes = picture.rgb.iter().skip(channel).step_by(3);
        values.extend(bytes.map(|&byte| ((f64::from(byte) / 255.0 - mean) / deviation) as f32));
    }
    Ok(Tensor::from_vec(values, (1, 3, height as usize, width as usize), device)?)
}

/// The picture at another size, resized bicubically.
///
/// # Errors
/// The picture is not whole, or a size is zero or too large.
pub fn resized(picture: &Picture, width: u32, height: u32) -> Result<Picture, VisionError> {
    let from = (picture.width, picture.height);
    let rgb = resize(&picture.rgb, 3, from, (width, height), Kernel::Bicubic)?;
    Ok(Picture { width, height, rgb })
}
