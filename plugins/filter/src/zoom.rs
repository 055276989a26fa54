//! Making a picture larger or smaller.

use pixels::{Mixed, Picture, Sums, WHOLE, mixed_row, settled, straight_row};

/// Makes all of the picture larger or smaller, with a triangle filter that widens as the picture shrinks (Pillow's
/// BILINEAR).
pub(crate) fn zoom(picture: &mut Picture, factor: f32) {
    let side = |side: usize| ((side as f32 * factor).round() as usize).max(1);
    let (width, height) = (side(picture.width), side(picture.height));
    let across = across(picture, width);
    let row = |y: usize| across.chunks_exact(width).nth(y).unwrap_or_default();
    let mut zoomed = Picture::empty(width, height);
    let (mut sums, mut line) = (Sums::new(width), vec![[0; 4]; width]);
    for (share, to) in shares(picture.height, height).iter().zip(zoomed.rows_mut()) {
        for (y, weight) in (share.first..).zip(&share.weights) {
            sums.add(row(y), *weight);
        }
        sums.settle(&mut line);
        straight_row(&line, to);
    }
    *picture = zoomed;
}

/// All rows, as wide as they become.
fn across(picture: &Picture, width: usize) -> Vec<Mixed> {
    let shares = shares(picture.width, width);
    let mut across = vec![[0; 4]; width * picture.height];
    let mut line = vec![[0; 4]; picture.width];
    for (from, to) in picture.rows().zip(across.chunks_exact_mut(width)) {
        mixed_row(from, &mut line);
        to.iter_mut().zip(&shares).for_each(|(to, share)| *to = share.of_line(&line));
    }
    across
}

/// How much of which pixels of a line one pixel of the zoomed line has.
struct Share {
    first: usize,
    /// Together [`WHOLE`].
    weights: Vec<u16>,
}

/// For each pixel of a line of `before` pixels that becomes `after` pixels long.
fn shares(before: usize, after: usize) -> Vec<Share> {
    (0..after).map(|at| Share::new(at, before, after)).collect()
}

impl Share {
    fn new(at: usize, before: usize, after: usize) -> Self {
        let scale = before as f64 / after as f64;
        let reach = scale.max(1.0);
        let middle = (at as f64 + 0.5) * scale;
        // From the first to the last whose middle is less than `reach` away.
        let first = (middle - reach + 0.5).floor().max(0.0) as usize;
        let last = ((middle + reach - 0.5).ceil() as usize).min(before);
        let weight = |index: usize| (1.0 - ((index as f64 + 0.5 - middle) / reach).abs()).max(0.0);
        let all: f64 = (first..last).map(weight).sum();
        // Each is rounded as a part of the sum up to it, so that all together are exact.
        let (mut sum, mut given) = (0.0, 0);
        let weights = (first..last).map(weight).map(|weight| {
            sum += weight / all;
            let part = (sum * f64::from(WHOLE)).round() as u32 - given;
            given += part;
            part as u16
        });
        Self { first, weights: weights.collect() }
    }

    fn of_line(&self, line: &[Mixed]) -> Mixed {
        let mut sums = [0; 4];
        for (pixel, weight) in line.get(self.first..).unwrap_or_default().iter().zip(&self.weights) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += u32::from(*value) * u32::from(*weight);
            }
        }
        sums.map(settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(mut picture: Picture, step: impl Fn(&mut Picture)) -> Picture {
        step(&mut picture);
        picture
    }

    #[test]
    fn zoom_has_the_size_of_its_factor_and_keeps_even_areas() {
        let even = Picture { width: 7, height: 5, pixels: vec![[9, 80, 200, 255]; 35] };
        for (factor, size) in [(2.0, (14, 10)), (0.5, (4, 3)), (0.01, (1, 1)), (1.3, (9, 7))] {
            let zoomed = after(even.clone(), |it| zoom(it, factor));
            assert_eq!((zoomed.width, zoomed.height), size);
            assert!(zoomed.pixels.iter().all(|pixel| *pixel == [9, 80, 200, 255]), "{factor}");
        }
    }

    #[test]
    fn half_the_size_is_the_mean_and_twice_the_size_keeps_the_ends() {
        let pair =
            Picture { width: 4, height: 1, pixels: [0, 0, 100, 100].map(|it| [it, it, it, 255]).to_vec() };
        let half: Vec<_> = after(pair.clone(), |it| zoom(it, 0.5)).pixels.iter().map(|it| it[0]).collect();
        assert!(half[0] < 20 && half[1] > 80, "{half:?}");
        let twice = after(pair, |it| zoom(it, 2.0));
        assert_eq!((twice.near(0, 0)[0], twice.near(7, 0)[0]), (0, 100));
    }

    /// The plain definition in f64, of an opaque picture.
    fn plainly(picture: &Picture, (width, height): (usize, usize), x: usize, y: usize) -> [f64; 3] {
        let weights = |at: usize, before: usize, after: usize| -> Vec<f64> {
            let scale = before as f64 / after as f64;
            let middle = (at as f64 + 0.5) * scale;
            let weight = |index: usize| (1.0 - (index as f64 + 0.5 - middle).abs() / scale.max(1.0)).max(0.0);
            let sum: f64 = (0..before).map(weight).sum();
            (0..before).map(|index| weight(index) / sum).collect()
        };
        let mut sum = [0.0; 3];
        for (from_y, down) in weights(y, picture.height, height).into_iter().enumerate() {
            for (from_x, across) in weights(x, picture.width, width).into_iter().enumerate() {
                let pixel = picture.near(from_x as isize, from_y as isize);
                sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += down * across * f64::from(value));
            }
        }
        sum
    }

    #[test]
    fn a_zoom_is_its_definition_to_one_grey_level() {
        let pixels = (0..31 * 22_usize).map(|at| [(at * 71) as u8, (at * 113) as u8, (at * 5) as u8, 255]);
        let picture = Picture { width: 31, height: 22, pixels: pixels.collect() };
        for factor in [0.1, 0.37, 0.5, 0.95, 1.05, 1.4, 2.0, 3.3] {
            let zoomed = after(picture.clone(), |it| zoom(it, factor));
            for (x, y) in (0..zoomed.height).flat_map(|y| (0..zoomed.width).map(move |x| (x, y))) {
                let found = zoomed.near(x as isize, y as isize);
                let expected = plainly(&picture, (zoomed.width, zoomed.height), x, y);
                for (found, expected) in found.iter().zip(expected) {
                    assert!((f64::from(*found) - expected).abs() <= 1.0, "{factor} at {x}, {y}");
                }
            }
        }
    }
}
