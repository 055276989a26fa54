//! Pictures as bytes, and their way to and from tensors.

use candle_core::{Device, Tensor};

use super::{EngineError, ImageRequest};

/// An 8-bit sRGB picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Red, green and blue of each pixel, row by row: `width * height * 3` bytes.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// Whether there are as many bytes as the size asks for.
    pub(super) fn is_whole(&self) -> bool {
        self.rgb.len() == self.width as usize * self.height as usize * 3
    }

    /// Checks that the picture can be the source of a request.
    pub(super) fn check_for(&self, request: &ImageRequest) -> Result<(), EngineError> {
        if !self.is_whole() {
            let problem =
                format!("{} bytes are not a {}x{} picture", self.rgb.len(), self.width, self.height);
            return Err(EngineError::bad("image", problem));
        }
        if (self.width, self.height) != (request.width, request.height) {
            let problem = format!(
                "the source is {}x{}, the picture to make {}x{}; bring it to that size first",
                self.width, self.height, request.width, request.height
            );
            return Err(EngineError::bad("image", problem));
        }
        Ok(())
    }

    /// The picture as (1, 3, height, width) in -1..1.
    pub(super) fn to_tensor(&self, device: &Device) -> candle_core::Result<Tensor> {
        let (width, height) = (self.width as usize, self.height as usize);
        let values: Vec<f32> = (0..3)
            .flat_map(|channel| self.rgb.iter().skip(channel).step_by(3))
            .map(|&byte| f32::from(byte) / 255.0 * 2.0 - 1.0)
            .collect();
        Tensor::from_vec(values, (1, 3, height, width), device)
    }

    /// Pictures from (1, 3, height, width) in about -1..1, rounded half to even as numpy does.
    pub(super) fn from_tensor(decoded: &Tensor) -> Result<Self, EngineError> {
        let (_, _, height, width) = decoded.dims4()?;
        let values = decoded.squeeze(0)?.permute((1, 2, 0))?.flatten_all()?.to_vec1::<f32>()?;
        if values.iter().any(|v| !v.is_finite()) {
            return Err(EngineError::Internal("the autoencoder gave numbers that are not finite".into()));
        }
        let byte = |v: f32| ((v / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8;
        Ok(Self { width: width as u32, height: height as u32, rgb: values.into_iter().map(byte).collect() })
    }
}

/// A mask of a picture's size, one byte per pixel, as (1, 1, height, width) of zeros and ones.
pub(super) fn mask_tensor(mask: &[u8], source: &Picture, device: &Device) -> Result<Tensor, EngineError> {
    let (width, height) = (source.width as usize, source.height as usize);
    if mask.len() != width * height {
        let problem = format!("{} bytes are not a {width}x{height} mask", mask.len());
        return Err(EngineError::bad("mask", problem));
    }
    let values: Vec<f32> = mask.iter().map(|&byte| if byte >= 128 { 1.0 } else { 0.0 }).collect();
    Ok(Tensor::from_vec(values, (1, 1, height, width), device)?)
}
