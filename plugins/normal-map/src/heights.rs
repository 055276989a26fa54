//! Heights on the grid of a picture, and what is beyond its border.

use qpyt_sdk::Result;
use qpyt_sdk::media::image::Image;

use pixels::{Picture, Plane};

/// Weights of red, green and blue in the brightness to the eye (ITU-R BT.601), for values of 0 to 255.
const LUMA: [f32; 3] = [0.299 / 255.0, 0.587 / 255.0, 0.114 / 255.0];

/// One height for each pixel, row by row; 0 is low and 1 is high.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heights {
    pub(crate) width: usize,
    pub(crate) values: Vec<f32>,
    /// Whether the picture goes on beyond its border with its other side, rather than with the pixels at the border.
    pub(crate) tiles: bool,
}

impl Heights {
    /// The heights of a picture with one channel, as exact as it has them.
    pub(crate) fn read(image: &Image, tiles: bool) -> Result<Self> {
        let plane = Plane::read(image)?;
        Ok(Self { width: plane.width, values: plane.values.into_iter().map(finite).collect(), tiles })
    }

    /// The brightness of a picture, whether it can be seen through or not.
    pub(crate) fn of(picture: &Picture, tiles: bool) -> Self {
        let height = |[r, g, b, _]: &[u8; 4]| {
            [r, g, b].iter().zip(LUMA).map(|(value, weight)| f32::from(**value) * weight).sum()
        };
        let values = picture.pixels.iter().map(height).collect();
        Self { width: picture.width, values, tiles }
    }

    /// Softened with a Gaussian of this standard deviation in pixels.
    pub(crate) fn blurred(&self, deviation: f32) -> Self {
        let weights = pixels::gauss(deviation);
        let reach = weights.len().saturating_sub(1);
        // Row by row and weight by weight, so that the inner loops are vectors.
        let around = || (0..=2 * reach).zip(weights.iter().skip(1).rev().chain(&weights));
        let along: Vec<f32> = self
            .rows()
            .flat_map(|row| {
                let row = self.bordered(row, reach);
                let mut sum = vec![0.0; self.width];
                for (at, weight) in around() {
                    add(&mut sum, row.get(at..).unwrap_or_default(), *weight);
                }
                sum
            })
            .collect();
        let along = Self { values: along, ..*self };
        let values = (0..self.height())
            .flat_map(|y| {
                let mut sum = vec![0.0; self.width];
                for (at, weight) in around() {
                    add(&mut sum, along.row(y as isize + at as isize - reach as isize), *weight);
                }
                sum
            })
            .collect();
        Self { values, ..*self }
    }

    pub(crate) fn height(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// A row, also of those beyond the border.
    pub(crate) fn row(&self, y: isize) -> &[f32] {
        let start = self.inside(y, self.height()) * self.width;
        self.values.get(start..start + self.width).unwrap_or_default()
    }

    /// A row with `reach` more heights at each of its ends.
    pub(crate) fn bordered(&self, row: &[f32], reach: usize) -> Vec<f32> {
        let (reach, length) = (reach as isize, row.len() as isize);
        let beyond = |at: isize| row.get(self.inside(at, row.len())).copied().unwrap_or_default();
        let before = (-reach..0).map(beyond);
        before.chain(row.iter().copied()).chain((length..length + reach).map(beyond)).collect()
    }

    /// The place inside that stands for one that may be beyond the border.
    fn inside(&self, at: isize, side: usize) -> usize {
        let side = side.max(1) as isize;
        (if self.tiles { at.rem_euclid(side) } else { at.clamp(0, side - 1) }) as usize
    }
}

fn finite(height: f32) -> f32 {
    if height.is_finite() { height } else { 0.0 }
}

fn add(sum: &mut [f32], values: &[f32], weight: f32) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value * weight);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heights(width: usize, values: &[f32], tiles: bool) -> Heights {
        Heights { width, values: values.to_vec(), tiles }
    }

    #[test]
    fn brightness_is_that_of_the_eye_and_alpha_is_no_height() {
        let pixels = vec![[255, 255, 255, 255], [255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 255]];
        let found = Heights::of(&Picture { width: 4, height: 1, pixels }, false);
        for (found, expected) in found.values.iter().zip([1.0, 0.299, 0.299, 0.0]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn beyond_the_border_is_the_border_or_the_other_side() {
        let row = [1.0, 2.0, 3.0];
        assert_eq!(heights(3, &row, false).bordered(&row, 2), [1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0]);
        assert_eq!(
            heights(3, &row, true).bordered(&row, 4),
            [3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0]
        );
        let tall = [1.0, 2.0, 3.0];
        assert_eq!(heights(1, &tall, true).row(-1), [3.0]);
        assert_eq!(heights(1, &tall, false).row(7), [3.0]);
    }

    #[test]
    fn a_blur_spreads_a_point_evenly_and_keeps_its_volume() {
        let mut point = vec![0.0; 21 * 21];
        point[10 * 21 + 10] = 1.0;
        let soft = heights(21, &point, false).blurred(1.5);
        let at = |x: usize, y: usize| soft.values[y * 21 + x];
        assert!((soft.values.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        assert!(at(10, 10) > at(11, 10) && at(11, 10) > at(12, 10));
        for (one, other) in [(at(8, 10), at(12, 10)), (at(8, 10), at(10, 12)), (at(9, 9), at(11, 11))] {
            assert!((one - other).abs() < 1e-6);
        }
    }

    #[test]
    fn a_blur_crosses_the_border_only_where_the_picture_tiles() {
        let step: Vec<f32> = (0..16).map(|x| if x < 8 { 0.0 } else { 1.0 }).collect();
        assert!(heights(16, &step, true).blurred(1.0).values[0] > 0.2);
        assert!(heights(16, &step, false).blurred(1.0).values[0] < 1e-6);
    }
}
