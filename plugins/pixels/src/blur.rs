//! Gaussian blur: by its own weights where it is narrow, by box filters where that would take long.

use crate::boxes::Boxes;
use crate::mixed::{Mixed, mixed_row, straight_row};
use crate::picture::Picture;
use crate::sums::{Sums, WHOLE};

/// From this standard deviation on, three boxes are close enough to the curve.
const WIDE: f32 = 2.0;
/// Beyond, the sums of the boxes would have no room for all grey levels.
const WIDEST: f32 = 120.0;

/// Blurs with a Gaussian of this standard deviation in pixels, at most 120. Beyond the border are the pixels at the
/// border again.
pub fn blur(picture: &mut Picture, deviation: f32) {
    if deviation < WIDE {
        narrow(picture, &whole_weights(&gauss(deviation)));
    } else {
        Boxes::of(deviation.min(WIDEST)).blur(picture);
    }
}

/// The Gaussian curve of this standard deviation in pixels, from its middle to three deviations. All weights, those to
/// the one side and those to the other, are 1 together.
pub fn gauss(deviation: f32) -> Vec<f32> {
    let reach = (3.0 * deviation).ceil() as usize;
    let curve = |at: usize| (-0.5 * (at as f32 / deviation.max(f32::EPSILON)).powi(2)).exp();
    let mut weights: Vec<f32> = (0..=reach).map(curve).collect();
    let sum = 2.0 * weights.iter().sum::<f32>() - 1.0;
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights
}

/// The curve in parts of [`WHOLE`] for pairs of pixels at the same distance. The pixel in the middle is a pair of its
/// own with half the weight each, and has what the others leave.
fn whole_weights(curve: &[f32]) -> Vec<u16> {
    let mut weights: Vec<u16> = curve.iter().map(|weight| (weight * WHOLE as f32).round() as u16).collect();
    let others: u32 = weights.iter().skip(1).copied().map(u32::from).sum();
    if let Some(middle) = weights.first_mut() {
        *middle = (WHOLE / 2).saturating_sub(others) as u16;
    }
    weights
}

fn narrow(picture: &mut Picture, weights: &[u16]) {
    let (width, reach) = (picture.width, weights.len().saturating_sub(1));
    let mut sums = Sums::new(width);
    let mut across: Vec<Mixed> = vec![[0; 4]; picture.pixels.len()];
    let mut line = Vec::new();
    for (row, across) in picture.rows().zip(across.chunks_exact_mut(width)) {
        bordered(row, [reach, reach], &mut line);
        let from = |start: usize| line.get(start..start + width).unwrap_or_default();
        for (away, weight) in weights.iter().enumerate() {
            sums.add_both(from(reach - away), from(reach + away), *weight);
        }
        sums.settle(across);
    }
    let row = |y: usize| across.chunks_exact(width).nth(y).unwrap_or_default();
    let last = picture.height - 1;
    line.resize(width, [0; 4]);
    for (y, to) in picture.rows_mut().enumerate() {
        for (away, weight) in weights.iter().enumerate() {
            sums.add_both(row(y.saturating_sub(away)), row((y + away).min(last)), *weight);
        }
        sums.settle(&mut line);
        straight_row(&line, to);
    }
}

/// A row ready to be mixed, with its ends so many times more, so that what goes over it needs to look for no end.
pub(crate) fn bordered(row: &[[u8; 4]], [before, after]: [usize; 2], line: &mut Vec<Mixed>) {
    line.resize(before + row.len() + after, [0; 4]);
    let (left, rest) = line.split_at_mut(before);
    let (middle, right) = rest.split_at_mut(row.len());
    mixed_row(row, middle);
    left.fill(middle.first().copied().unwrap_or_default());
    right.fill(middle.last().copied().unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plain definition: one weight per pixel, mixed in f64. `weights` go from the middle to one side.
    fn plainly(picture: &Picture, weights: &[f64]) -> Picture {
        let mixed = |x: isize, y: isize| {
            let [r, g, b, a] = picture.near(x, y).map(f64::from);
            [r * a / 255.0, g * a / 255.0, b * a / 255.0, a]
        };
        let weight = |away: isize| weights.get(away.unsigned_abs()).copied().unwrap_or_default();
        let reach = weights.len() as isize;
        let mut blurred = picture.clone();
        for (y, row) in (0..).zip(blurred.rows_mut()) {
            for (x, pixel) in (0..).zip(row) {
                let mut sum = [0.0; 4];
                for (dx, dy) in (-reach..=reach).flat_map(|dx| (-reach..=reach).map(move |dy| (dx, dy))) {
                    let part = weight(dx) * weight(dy);
                    sum.iter_mut().zip(mixed(x + dx, y + dy)).for_each(|(sum, value)| *sum += part * value);
                }
                let [r, g, b, a] = sum;
                let colour = |value: f64| if a < 0.5 { 0.0 } else { value * 255.0 / a };
                *pixel = [colour(r), colour(g), colour(b), a].map(|value| value.round() as u8);
            }
        }
        blurred
    }

    fn speckled(width: usize, height: usize, alpha: impl Fn(usize) -> u8) -> Picture {
        let noise = |at: usize, salt: usize| ((at * salt) >> 3) as u8;
        let pixel = |at: usize| [noise(at, 7919), noise(at, 104_729), noise(at, 1_299_709), alpha(at)];
        Picture { width, height, pixels: (0..width * height).map(pixel).collect() }
    }

    #[track_caller]
    fn assert_close(found: &Picture, expected: &Picture) {
        for (at, (found, expected)) in found.pixels.iter().zip(&expected.pixels).enumerate() {
            // Where little can be seen, colours are coarser.
            let near = if expected[3] > 60 { 1 } else { 4 };
            let differs = |at: usize| found[at].abs_diff(expected[at]);
            let all_near = (0..3).all(|at| differs(at) <= near) && differs(3) <= 1;
            assert!(all_near || expected[3] < 4, "pixel {at}: {found:?}, not {expected:?}");
        }
    }

    #[test]
    fn narrow_and_wide_blurs_are_their_definitions_to_one_grey_level() {
        for deviation in [0.3, 1.0, 1.9, 2.0, 3.3, 6.0] {
            let weights: Vec<f64> = if deviation < WIDE {
                gauss(deviation).into_iter().map(f64::from).collect()
            } else {
                Boxes::of(deviation).weights()
            };
            for alpha in [|_| 255, |at: usize| (at * 37 % 256) as u8, |at| if at % 5 < 2 { 0 } else { 255 }] {
                let mut picture = speckled(23, 14, alpha);
                let expected = plainly(&picture, &weights);
                blur(&mut picture, deviation);
                assert_close(&picture, &expected);
            }
        }
    }

    #[test]
    fn the_weights_of_a_narrow_curve_are_the_curve_s() {
        let narrow = gauss(1.0);
        assert_eq!(narrow.len(), 4);
        assert!((narrow[0] - 0.3991).abs() < 1e-3 && (narrow[1] / narrow[0] - (-0.5_f32).exp()).abs() < 1e-5);
    }

    #[test]
    fn a_blurred_point_is_round_and_keeps_its_light() {
        for (deviation, light) in [(1.0, 230..=280), (1.99, 200..=300), (3.0, 200..=300)] {
            let mut picture = Picture { width: 41, height: 41, pixels: vec![[255, 255, 255, 0]; 41 * 41] };
            picture.pixels[20 * 41 + 20] = [255; 4];
            blur(&mut picture, deviation);
            let alpha = |x: usize, y: usize| picture.pixels[y * 41 + x][3];
            assert_eq!(alpha(19, 20), alpha(20, 21));
            assert_eq!(alpha(18, 20), alpha(20, 22));
            let found: u32 = picture.pixels.iter().map(|pixel| u32::from(pixel[3])).sum();
            assert!(light.contains(&found), "{deviation}: {found}");
            assert!(picture.pixels.iter().all(|pixel| pixel[3] == 0 || pixel[0] >= 250), "no dark seam");
        }
    }

    #[test]
    fn an_even_picture_stays_even() {
        for deviation in [0.0, 0.5, 1.5, 7.0, 40.0, 120.0, 200.0] {
            let mut picture = Picture { width: 19, height: 11, pixels: vec![[90, 3, 255, 255]; 19 * 11] };
            let before = picture.clone();
            blur(&mut picture, deviation);
            assert!(picture == before, "{deviation}");
        }
    }
}
