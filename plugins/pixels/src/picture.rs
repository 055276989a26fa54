//! Pixels in the brick's own memory, and the ways over them that the steps share.

use qpyt_sdk::media::image::{Canvas, Image};
use qpyt_sdk::media::types::{PixelFormat, Rect};
use qpyt_sdk::{BrickError, Result};

/// Brightness of a colour to the eye (ITU-R BT.601), in thousandths.
const LUMA: [u32; 3] = [299, 587, 114];

/// Columns that are taken out of the picture together, so that each fetched row of memory is used.
const COLUMNS: usize = 16;

/// Straight RGBA, 4 bytes a pixel, rows from top to bottom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` of them.
    pub pixels: Vec<[u8; 4]>,
}

impl Picture {
    /// All pixels of a picture that the host has; one copy.
    pub fn read(image: &Image) -> Result<Self> {
        let info = image.info();
        let area = Rect { x: 0, y: 0, width: info.width, height: info.height };
        let bytes = image.read(area, PixelFormat::Rgba8)?;
        let pixels = bytes.as_chunks::<4>().0.to_vec();
        Ok(Self { width: info.width as usize, height: info.height as usize, pixels })
    }

    /// Hands the picture to the host; without an alpha channel if all of it is opaque.
    pub fn write(&self) -> Result<Image> {
        let too_large = |_| BrickError::other("The picture would become too large.");
        let width = u32::try_from(self.width).map_err(too_large)?;
        let height = u32::try_from(self.height).map_err(too_large)?;
        let area = Rect { x: 0, y: 0, width, height };
        let is_opaque = self.pixels.iter().all(|pixel| pixel[3] == 255);
        let canvas =
            Canvas::create(width, height, if is_opaque { PixelFormat::Rgb8 } else { PixelFormat::Rgba8 })?;
        if is_opaque {
            let mut colours = vec![[0; 3]; self.pixels.len()];
            colours.iter_mut().zip(&self.pixels).for_each(|(colour, [r, g, b, _])| *colour = [*r, *g, *b]);
            canvas.write(area, colours.as_flattened())?;
        } else {
            canvas.write(area, self.pixels.as_flattened())?;
        }
        Ok(Canvas::freeze(canvas))
    }

    /// A picture of transparent pixels.
    pub fn empty(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![[0; 4]; width * height] }
    }

    /// The pixel there; those outside are like the nearest inside.
    pub fn near(&self, x: isize, y: isize) -> [u8; 4] {
        let x = x.clamp(0, self.width as isize - 1) as usize;
        let y = y.clamp(0, self.height as isize - 1) as usize;
        self.pixels.get(y * self.width + x).copied().unwrap_or_default()
    }

    /// The rows from top to bottom.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, [u8; 4]> {
        self.pixels.chunks_exact(self.width)
    }

    /// The rows from top to bottom, to be changed.
    pub fn rows_mut(&mut self) -> std::slice::ChunksExactMut<'_, [u8; 4]> {
        self.pixels.chunks_exact_mut(self.width)
    }

    /// Puts another colour in the place of each; alpha stays.
    pub fn recolour(&mut self, colour: impl Fn([u8; 3]) -> [u8; 3]) {
        for pixel in &mut self.pixels {
            let [r, g, b, _] = *pixel;
            let [r, g, b] = colour([r, g, b]);
            *pixel = [r, g, b, pixel[3]];
        }
    }

    /// Rows as columns.
    pub fn transposed(&self) -> Self {
        let mut done = Self::empty(self.height, self.width);
        for (first, band) in (0..).step_by(COLUMNS).zip(done.pixels.chunks_mut(self.height * COLUMNS)) {
            for (y, row) in self.rows().enumerate() {
                for (column, pixel) in band.chunks_exact_mut(self.height).zip(row.iter().skip(first)) {
                    if let Some(place) = column.get_mut(y) {
                        *place = *pixel;
                    }
                }
            }
        }
        done
    }
}

/// Rounded, and within 0 to 255.
pub fn byte(value: f32) -> u8 {
    // A cast of a float stops at the ends of the range.
    (value + 0.5) as u8
}

/// The brightness of a pixel to the eye, 0 to 255; what can be seen through it is white.
pub fn grey([r, g, b, a]: [u8; 4]) -> u8 {
    let light: u32 = [r, g, b].iter().zip(LUMA).map(|(value, weight)| u32::from(*value) * weight).sum();
    let alpha = u32::from(a);
    ((light * alpha + 255_000 * (255 - alpha) + 127_500) / 255_000) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brightness_is_that_of_the_eye_and_air_is_white() {
        let pixels = [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [0, 0, 0, 0], [0, 0, 0, 128]];
        assert_eq!(pixels.map(grey), [76, 150, 29, 255, 127]);
    }

    #[test]
    fn rows_become_columns_whatever_the_size() {
        for (width, height) in [(1, 1), (3, 5), (17, 2), (40, 33)] {
            let mut picture = Picture::empty(width, height);
            for (at, pixel) in picture.pixels.iter_mut().enumerate() {
                *pixel = [at as u8, (at / 7) as u8, 3, 255];
            }
            let columns = picture.transposed();
            assert_eq!((columns.width, columns.height), (height, width));
            assert_eq!(columns.near(height as isize - 1, 0), picture.near(0, height as isize - 1));
            assert_eq!(columns.transposed(), picture);
        }
    }
}
