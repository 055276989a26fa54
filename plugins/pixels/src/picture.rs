//! Pixels in the brick's own memory, and the ways over them that the steps share. Steps that mix pixels work with
//! colour times alpha, so that what can't be seen does not bleed into what can.

use qpyt_sdk::media::image::{Canvas, Image};
use qpyt_sdk::media::types::{PixelFormat, Rect};
use qpyt_sdk::{BrickError, Result};

/// Red, green, blue and alpha of one pixel, 0 to 255 each, colour already times alpha.
pub type Mixed = [f32; 4];

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
            let colours: Vec<u8> = self.pixels.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
            canvas.write(area, &colours)?;
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

    /// The pixel there; none outside.
    pub fn inside(&self, x: isize, y: isize) -> Option<[u8; 4]> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        if x < self.width { self.pixels.get(y * self.width + x).copied() } else { None }
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

    /// Turns each row into one of `width` pixels, then each column into one of `height`.
    pub fn along_both(
        &self,
        (width, height): (usize, usize),
        mut turn: impl FnMut(&[Mixed], &mut Vec<Mixed>, usize),
    ) -> Self {
        let wide = self.along_rows(width, &mut turn);
        wide.transposed().along_rows(height, &mut turn).transposed()
    }

    /// Turns each row into one of `width` pixels.
    fn along_rows(&self, width: usize, turn: &mut impl FnMut(&[Mixed], &mut Vec<Mixed>, usize)) -> Self {
        let (mut line, mut turned) = (Vec::new(), Vec::new());
        let mut done = Self::empty(width, self.height);
        for (from, to) in self.rows().zip(done.rows_mut()) {
            line.clear();
            line.extend(from.iter().copied().map(mixed));
            turn(&line, &mut turned, width);
            to.iter_mut().zip(&turned).for_each(|(pixel, value)| *pixel = straight(*value));
        }
        done
    }

    /// Rows as columns.
    fn transposed(&self) -> Self {
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

/// Colour times alpha.
pub fn mixed([r, g, b, a]: [u8; 4]) -> Mixed {
    let alpha = f32::from(a) / 255.0;
    [r, g, b, 255].map(|value| f32::from(value) * alpha)
}

/// The way back.
pub fn straight([r, g, b, a]: Mixed) -> [u8; 4] {
    if a >= 254.5 {
        return [r, g, b, a].map(byte);
    }
    if a < 0.5 {
        return [0; 4];
    }
    let alpha = a / 255.0;
    [r / alpha, g / alpha, b / alpha, a].map(byte)
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
    fn colours_come_back_from_being_mixed() {
        for pixel in [[0, 0, 0, 255], [255, 128, 1, 255], [200, 100, 50, 128], [0, 0, 0, 0]] {
            assert_eq!(straight(mixed(pixel)), pixel);
        }
    }

    #[test]
    fn brightness_is_that_of_the_eye_and_air_is_white() {
        let pixels = [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [0, 0, 0, 0], [0, 0, 0, 128]];
        assert_eq!(pixels.map(grey), [76, 150, 29, 255, 127]);
    }

    #[test]
    fn lines_are_turned_along_both_sides_whatever_the_size() {
        for (width, height) in [(1, 1), (3, 5), (17, 2), (40, 33)] {
            let mut picture = Picture::empty(width, height);
            for (at, pixel) in picture.pixels.iter_mut().enumerate() {
                *pixel = [at as u8, (at / 7) as u8, 3, 255];
            }
            let same = picture.along_both((width, height), |line, turned, _| {
                turned.clear();
                turned.extend_from_slice(line);
            });
            assert_eq!(same, picture);
        }
    }
}
