//! A picture being painted.

use super::{Image, MediaError, PixelFormat, Rect, image::check_size};

/// Pixels that can still change. Starts black, transparent where there is alpha.
#[derive(Debug)]
pub struct Canvas {
    format: PixelFormat,
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Canvas {
    /// An empty canvas.
    ///
    /// # Errors
    /// [`MediaError::BadArgument`] if a side is 0.
    pub fn new(width: u32, height: u32, format: PixelFormat) -> Result<Self, MediaError> {
        check_size(width, height)?;
        let bytes = format.bytes(width, height);
        let bytes = usize::try_from(bytes).map_err(|_| MediaError::TooLarge(bytes))?;
        Ok(Self { format, width, height, pixels: vec![0; bytes] })
    }

    /// Bytes that the canvas holds.
    pub fn bytes(&self) -> u64 {
        self.pixels.len() as u64
    }

    /// Moves the pixels out, for as long as the canvas's place can't be borrowed; the caller puts them back.
    pub(crate) fn lift_out(&mut self) -> Self {
        Self { pixels: std::mem::take(&mut self.pixels), ..*self }
    }

    /// Replaces the pixels of `area`; `pixels` are in the canvas's format, row by row.
    ///
    /// # Errors
    /// [`MediaError::BadArgument`] if `area` is not inside the canvas or the number of bytes does not fit it.
    pub fn write(&mut self, area: Rect, pixels: &[u8]) -> Result<(), MediaError> {
        area.check_inside(self.width, self.height)?;
        let expected = self.format.bytes(area.width, area.height);
        if pixels.len() as u64 != expected {
            return Err(MediaError::BadArgument(format!(
                "{}×{} pixels of format {:?} have {expected} bytes, but {} were given",
                area.width,
                area.height,
                self.format,
                pixels.len()
            )));
        }
        let pixel = self.format.bytes_per_pixel();
        let (start, length) = (area.x as usize * pixel, area.width as usize * pixel);
        let rows = self.pixels.chunks_exact_mut(self.width as usize * pixel).skip(area.y as usize);
        for (row, new) in rows.zip(pixels.chunks_exact(length)) {
            if let Some(part) = row.get_mut(start..start + length) {
                part.copy_from_slice(new);
            }
        }
        Ok(())
    }

    /// The finished picture. Copies nothing.
    ///
    /// # Errors
    /// None in practice: the size was checked when the canvas was made.
    pub fn freeze(self) -> Result<Image, MediaError> {
        Image::new(self.format, self.width, self.height, self.pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_a_rectangle_leaves_the_rest_black() {
        let mut canvas = Canvas::new(3, 3, PixelFormat::Luma8).unwrap();
        canvas.write(Rect { x: 1, y: 1, width: 2, height: 2 }, &[1, 2, 3, 4]).unwrap();
        assert_eq!(canvas.freeze().unwrap().pixels(), [0, 0, 0, 0, 1, 2, 0, 3, 4]);
    }

    #[test]
    fn the_wrong_number_of_bytes_is_refused() {
        let mut canvas = Canvas::new(3, 3, PixelFormat::Luma8).unwrap();
        assert!(canvas.write(Rect::whole(3, 3), &[0; 8]).is_err());
        assert!(canvas.write(Rect { x: 2, y: 0, width: 2, height: 1 }, &[0; 2]).is_err());
    }
}
