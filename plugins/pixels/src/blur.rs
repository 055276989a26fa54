//! Gaussian blur: by its own weights where it is narrow, by box filters where that would take long.

use crate::picture::{Mixed, Picture};

/// From this standard deviation on, three boxes are close enough to the curve.
const WIDE: f32 = 2.0;

/// Blurs with a Gaussian of this standard deviation in pixels. Beyond the border are the pixels at the border again.
pub fn blur(picture: &mut Picture, deviation: f32) {
    let size = (picture.width, picture.height);
    let mut bordered = Vec::new();
    *picture = if deviation < WIDE {
        let curve = gauss(deviation);
        let weights: Vec<f32> = curve.iter().skip(1).rev().chain(&curve).copied().collect();
        picture.along_both(size, |line, turned, _| {
            border(line, curve.len() - 1, &mut bordered);
            turned.clear();
            turned.extend(bordered.windows(weights.len()).map(|near| weighed(near, &weights)));
        })
    } else {
        let (boxes, mut other) = (box_sizes(deviation), Vec::new());
        picture.along_both(size, |line, turned, _| {
            turned.clear();
            turned.extend_from_slice(line);
            for size in boxes {
                std::mem::swap(turned, &mut other);
                border(&other, size / 2 + 1, &mut bordered);
                average(&bordered, turned, size);
            }
        })
    };
}

/// A line with its ends `reach` times more, so that what goes over it needs to look for no end.
fn border(line: &[Mixed], reach: usize, bordered: &mut Vec<Mixed>) {
    let ends = |end: Option<&Mixed>| std::iter::repeat_n(end.copied().unwrap_or_default(), reach);
    bordered.clear();
    bordered.extend(ends(line.first()));
    bordered.extend_from_slice(line);
    bordered.extend(ends(line.last()));
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

fn weighed(near: &[Mixed], weights: &[f32]) -> Mixed {
    let mut sum = [0.0; 4];
    near.iter().zip(weights).for_each(|(pixel, weight)| add(&mut sum, pixel, *weight));
    sum
}

/// Sizes of three boxes, all odd, that together have the deviation (P. Kovesi, Fast Almost-Gaussian Filtering, 2010).
fn box_sizes(deviation: f32) -> [usize; 3] {
    let variance = 12.0 * deviation * deviation;
    let ideal = (variance / 3.0 + 1.0).sqrt();
    let small = ((ideal as usize).max(1) - 1) / 2 * 2 + 1;
    let width = small as f32;
    let how_many_small = (variance - 3.0 * width * width - 12.0 * width - 9.0) / (-4.0 * width - 4.0);
    let how_many_small = how_many_small.round() as usize;
    std::array::from_fn(|at| if at < how_many_small { small } else { small + 2 })
}

/// The means of `size` pixels, an odd number, around each of a line that has half of that and one more at its ends.
fn average(bordered: &[Mixed], averaged: &mut Vec<Mixed>, size: usize) {
    let mut sum = [0.0; 4];
    bordered.iter().take(size).for_each(|pixel| add(&mut sum, pixel, 1.0));
    let part = 1.0 / size as f32;
    averaged.clear();
    // The last pixel of the border comes in after the last mean.
    let (coming, going) = (bordered.iter().skip(size), bordered.iter());
    averaged.extend(coming.zip(going).take(bordered.len().saturating_sub(size + 1)).map(
        |(coming, going)| {
            add(&mut sum, coming, 1.0);
            add(&mut sum, going, -1.0);
            sum.map(|value| value * part)
        },
    ));
}

fn add(sum: &mut Mixed, pixel: &Mixed, times: f32) {
    sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value * times);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_have_the_deviation_that_was_asked_for() {
        for deviation in [WIDE, 2.5, 10.0, 50.0] {
            let variance: f32 =
                box_sizes(deviation).iter().map(|size| ((size * size) as f32 - 1.0) / 12.0).sum();
            assert!((variance.sqrt() - deviation).abs() < 0.25, "{deviation}: {}", variance.sqrt());
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
        for deviation in [0.0, 0.5, 1.5, 7.0, 40.0] {
            let mut picture = Picture { width: 19, height: 11, pixels: vec![[90, 3, 255, 255]; 19 * 11] };
            let before = picture.clone();
            blur(&mut picture, deviation);
            assert_eq!(picture, before, "{deviation}");
        }
    }
}
