//! One value per pixel: mattes and depth, and the windows over them that refine them.

use qpyt_sdk::media::image::{Canvas, Image};
use qpyt_sdk::media::types::{PixelFormat, Rect};
use qpyt_sdk::{BrickError, Result};

use crate::picture::byte;

/// Values on the grid of a picture, mostly 0 to 1, rows from top to bottom.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Values in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` of them.
    pub values: Vec<f32>,
}

impl Plane {
    /// The brightness of a picture that the host has; of masks and depth maps their values.
    pub fn read(image: &Image) -> Result<Self> {
        let info = image.info();
        let area = Rect { x: 0, y: 0, width: info.width, height: info.height };
        let bytes = image.read(area, PixelFormat::Luma32f)?;
        let values = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Ok(Self { width: info.width as usize, height: info.height as usize, values })
    }

    /// Hands the values to the host, as a mask with one byte each.
    pub fn mask(&self) -> Result<Image> {
        let bytes: Vec<u8> = self.values.iter().map(|value| byte(value.clamp(0.0, 1.0) * 255.0)).collect();
        self.write(PixelFormat::Luma8, &bytes)
    }

    /// Hands the values to the host as they are.
    pub fn map(&self) -> Result<Image> {
        let bytes: Vec<u8> = self.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.write(PixelFormat::Luma32f, &bytes)
    }

    fn write(&self, format: PixelFormat, bytes: &[u8]) -> Result<Image> {
        let too_large = |_| BrickError::other("The picture would become too large.");
        let width = u32::try_from(self.width).map_err(too_large)?;
        let height = u32::try_from(self.height).map_err(too_large)?;
        let canvas = Canvas::create(width, height, format)?;
        canvas.write(Rect { x: 0, y: 0, width, height }, bytes)?;
        Ok(Canvas::freeze(canvas))
    }

    /// A plane of the same size.
    pub fn map_with(&self, other: &Self, value: impl Fn(f32, f32) -> f32) -> Self {
        let values = self.values.iter().zip(&other.values).map(|(a, b)| value(*a, *b)).collect();
        Self { values, ..*self }
    }

    /// The mean of each square window of `2 * radius + 1` pixels, of what of it lies inside.
    pub fn mean(&self, radius: usize) -> Self {
        let across = self.along_rows(|row, out| mean_of_line(row, out, radius));
        let mut values = Vec::with_capacity(self.values.len());
        let rows: Vec<&[f32]> = across.values.chunks_exact(self.width.max(1)).collect();
        let mut sums = vec![0.0_f64; self.width];
        let mut add = |row: Option<&&[f32]>, sign: f64| {
            for (sum, value) in sums.iter_mut().zip(row.into_iter().flat_map(|row| row.iter())) {
                *sum += sign * f64::from(*value);
            }
            sums.clone()
        };
        for y in 0..radius.min(self.height) {
            add(rows.get(y), 1.0);
        }
        for y in 0..self.height {
            add(rows.get(y + radius), 1.0);
            let sums = match y.checked_sub(radius + 1) {
                Some(gone) => add(rows.get(gone), -1.0),
                None => add(None, 0.0),
            };
            let count = (y + radius).min(self.height - 1) + 1 - y.saturating_sub(radius);
            values.extend(sums.iter().map(|sum| (sum / count as f64) as f32));
        }
        Self { values, ..*self }
    }

    /// Grows what is bright by `pixels`, or shrinks it where that is below 0.
    pub fn grown(&self, pixels: i32) -> Self {
        let radius = pixels.unsigned_abs() as usize;
        let pick = if pixels > 0 { f32::max } else { f32::min };
        let line = |line: &[f32], out: &mut [f32]| extreme_of_line(line, out, radius, pick);
        self.along_rows(line).turned().along_rows(line).turned()
    }

    fn turned(&self) -> Self {
        let columns = (0..self.width).flat_map(|x| self.values.iter().skip(x).step_by(self.width.max(1)));
        Self { width: self.height, height: self.width, values: columns.copied().collect() }
    }

    fn along_rows(&self, turn: impl Fn(&[f32], &mut [f32])) -> Self {
        let mut values = vec![0.0; self.values.len()];
        let width = self.width.max(1);
        for (row, out) in self.values.chunks_exact(width).zip(values.chunks_exact_mut(width)) {
            turn(row, out);
        }
        Self { values, ..*self }
    }
}

fn mean_of_line(line: &[f32], out: &mut [f32], radius: usize) {
    let mut sum: f64 = line.iter().take(radius).map(|value| f64::from(*value)).sum();
    for (at, out) in out.iter_mut().enumerate() {
        sum += line.get(at + radius).copied().map_or(0.0, f64::from);
        sum -= at.checked_sub(radius + 1).and_then(|gone| line.get(gone)).copied().map_or(0.0, f64::from);
        let count = (at + radius).min(line.len() - 1) + 1 - at.saturating_sub(radius);
        *out = (sum / count as f64) as f32;
    }
}

fn extreme_of_line(line: &[f32], out: &mut [f32], radius: usize, pick: impl Fn(f32, f32) -> f32) {
    for (at, out) in out.iter_mut().enumerate() {
        let window = line.iter().take(at + radius + 1).skip(at.saturating_sub(radius));
        *out = window.copied().reduce(&pick).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(width: usize, height: usize, value: impl Fn(usize, usize) -> f32) -> Plane {
        let values = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| value(x, y));
        Plane { width, height, values: values.collect() }
    }

    #[test]
    fn means_are_those_of_the_window_inside_the_picture() {
        let source = plane(7, 5, |x, y| (x * 3 + y * y) as f32);
        for radius in [0, 1, 2, 9] {
            let means = source.mean(radius);
            for (at, mean) in means.values.iter().enumerate() {
                let (x, y) = (at % 7, at / 7);
                let near = |a: usize, b: usize| a.abs_diff(b) <= radius;
                let window: Vec<f32> = (0..35)
                    .filter(|other| near(other % 7, x) && near(other / 7, y))
                    .map(|other| source.values[other])
                    .collect();
                let expected = window.iter().sum::<f32>() / window.len() as f32;
                assert!((mean - expected).abs() < 1e-4, "{radius} at {x},{y}: {mean} is not {expected}");
            }
        }
    }

    #[test]
    fn what_is_bright_grows_into_a_square_and_shrinks_back() {
        let dot = plane(9, 7, |x, y| if (x, y) == (4, 3) { 1.0 } else { 0.0 });
        let grown = dot.grown(2);
        assert_eq!(grown.values.iter().sum::<f32>(), 25.0);
        assert_eq!(grown.grown(-2), dot);
        assert_eq!(dot.grown(0), dot);
    }
}
