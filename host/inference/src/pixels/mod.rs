//! Pictures as bytes on their way into and out of networks: checks and size changes.

mod resample;

pub use resample::{Kernel, resize};

use crate::engine::Picture;

/// Most pixels that a picture may have.
pub const MAX_PIXELS: u64 = 1 << 28;

/// Why samples are not a picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// It has no pixels.
    #[error("a picture of {width}x{height} has no pixels")]
    Empty {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// It has more than [`MAX_PIXELS`] pixels.
    #[error("a picture of {width}x{height} has more than {MAX_PIXELS} pixels; make it smaller")]
    TooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// Its bytes are more or fewer than its size asks for.
    #[error("{bytes} bytes are not a {width}x{height} picture, which has {expected}")]
    Length {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// Bytes that are there.
        bytes: usize,
        /// Bytes that there should be.
        expected: usize,
    },
}

/// Checks a picture's size and the number of its bytes.
///
/// # Errors
/// As [`PictureError`] says.
pub fn check_picture(picture: &Picture) -> Result<(), PictureError> {
    check_samples(&picture.rgb, 3, (picture.width, picture.height))
}

/// Checks that samples are `channels` bytes for each pixel of a size (width, height).
fn check_samples(samples: &[u8], channels: usize, (width, height): (u32, u32)) -> Result<(), PictureError> {
    check_size(width, height)?;
    let expected = width as usize * height as usize * channels;
    if samples.len() == expected {
        Ok(())
    } else {
        Err(PictureError::Length { width, height, bytes: samples.len(), expected })
    }
}

/// Checks that a size is neither empty nor too large.
pub(crate) fn check_size(width: u32, height: u32) -> Result<(), PictureError> {
    match u64::from(width) * u64::from(height) {
        0 => Err(PictureError::Empty { width, height }),
        pixels if pixels > MAX_PIXELS => Err(PictureError::TooLarge { width, height }),
        _ => Ok(()),
    }
}
