//! The edge between subject and background.

use pixels::{Picture, Plane, byte};

/// How different neighbours of one thing may be (in squares of brightness 0 to 1) before the filter sees an edge.
const SMOOTHNESS: f32 = 1e-4;
/// Keeps shares of nothing from being divided by nothing.
const TINY: f32 = 1e-5;

/// The matte with its edge where the picture has one: a guided filter (He, Sun and Tang, "Guided Image Filtering",
/// 2010) with the brightness of the picture as guide, in windows of `2 * radius + 1` pixels.
pub(crate) fn fitted(matte: &Plane, picture: &Picture, radius: usize) -> Plane {
    let values = picture.pixels.iter().map(|pixel| f32::from(pixels::grey(*pixel)) / 255.0).collect();
    let guide = Plane { width: picture.width, height: picture.height, values };
    let guide_mean = guide.mean(radius);
    let matte_mean = matte.mean(radius);
    let squares = guide.map_with(&guide, |a, b| a * b).mean(radius);
    let products = guide.map_with(matte, |a, b| a * b).mean(radius);
    let variance = squares.map_with(&guide_mean, |square, mean| square - mean * mean);
    let expected = guide_mean.map_with(&matte_mean, |a, b| a * b);
    let covariance = products.map_with(&expected, |product, expected| product - expected);
    let slope = covariance.map_with(&variance, |both, own| both / (own + SMOOTHNESS));
    let offset = matte_mean.map_with(&slope.map_with(&guide_mean, |a, b| a * b), |mean, part| mean - part);
    let line = slope.mean(radius).map_with(&guide, |a, b| a * b);
    line.map_with(&offset.mean(radius), |a, b| (a + b).clamp(0.0, 1.0))
}

/// Pulls a value away from the middle; at hardness 1 there is only 0 and 1.
pub(crate) fn hardened(value: f32, hardness: f32) -> f32 {
    let width = (1.0 - hardness).max(1e-3);
    ((value - 0.5) / width + 0.5).clamp(0.0, 1.0)
}

/// Gives pixels of the edge the colour of the subject near them, as far as the background shines through: blur fusion
/// (Forte, "Approximate Fast Foreground Colour Estimation", 2021).
pub(crate) fn clean(picture: &mut Picture, matte: &Plane, radius: usize) {
    let share = matte.mean(radius);
    for channel in 0..3 {
        let values =
            picture.pixels.iter().map(|pixel| f32::from(pixel.get(channel).copied().unwrap_or_default()));
        let colour = Plane { width: matte.width, height: matte.height, values: values.collect() };
        let inside = colour.map_with(matte, |colour, matte| colour * matte).mean(radius);
        let outside = colour.map_with(matte, |colour, matte| colour * (1.0 - matte)).mean(radius);
        let found = inside.values.iter().zip(&outside.values).zip(&share.values);
        for ((pixel, matte), ((inside, outside), share)) in
            picture.pixels.iter_mut().zip(&matte.values).zip(found)
        {
            let Some(value) = pixel.get_mut(channel) else { continue };
            if *matte <= 0.0 || *matte >= 1.0 {
                continue;
            }
            let (subject, behind) = (inside / (share + TINY), outside / (1.0 - share + TINY));
            let left = f32::from(*value) - matte * subject - (1.0 - matte) * behind;
            *value = byte((subject + matte * left).clamp(0.0, 255.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dark on the left, bright on the right, from column 8 on.
    fn step() -> Picture {
        let pixels = (0..16 * 8).map(|at| if at % 16 < 8 { [20, 20, 20, 255] } else { [230, 230, 230, 255] });
        Picture { width: 16, height: 8, pixels: pixels.collect() }
    }

    #[test]
    fn a_blurred_matte_finds_the_edge_of_the_picture() {
        let ramp = |at: usize| ((at % 16) as f32 - 5.0).clamp(0.0, 6.0) / 6.0;
        let blurred = Plane { width: 16, height: 8, values: (0..16 * 8).map(ramp).collect() };
        let fitted = fitted(&blurred, &step(), 4);
        let row = &fitted.values[..16];
        assert!(row[7] < 0.35 && row[8] > 0.65, "{row:?}");
        assert!(row[8] - row[7] > 2.0 * (blurred.values[8] - blurred.values[7]), "{row:?}");
    }

    #[test]
    fn a_matte_that_fits_already_stays() {
        let fitting = |at: usize| if at % 16 < 8 { 0.0 } else { 1.0 };
        let matte = Plane { width: 16, height: 8, values: (0..16 * 8).map(fitting).collect() };
        let fitted = fitted(&matte, &step(), 3);
        assert!(fitted.values.iter().zip(&matte.values).all(|(a, b)| (a - b).abs() < 0.02), "{fitted:?}");
    }

    #[test]
    fn hardness_leaves_the_middle_and_pushes_the_rest_apart() {
        assert_eq!(hardened(0.5, 1.0), 0.5);
        assert_eq!(hardened(0.4, 0.0), 0.4);
        assert_eq!((hardened(0.49, 1.0), hardened(0.51, 1.0)), (0.0, 1.0));
        assert!((hardened(0.6, 0.5) - 0.7).abs() < 1e-6);
    }

    #[test]
    fn an_edge_pixel_gets_the_colour_of_the_subject_and_not_of_the_background() {
        // Green behind, red before, and one column half of each.
        let pixel = |at: usize| match at % 9 {
            0..4 => [255, 0, 0, 255],
            4 => [128, 128, 0, 255],
            _ => [0, 255, 0, 255],
        };
        let mut picture = Picture { width: 9, height: 9, pixels: (0..81).map(pixel).collect() };
        let share = |at: usize| match at % 9 {
            0..4 => 1.0,
            4 => 0.5,
            _ => 0.0,
        };
        let matte = Plane { width: 9, height: 9, values: (0..81).map(share).collect() };
        clean(&mut picture, &matte, 2);
        let [red, green, ..] = picture.pixels[40];
        assert!(red > 200 && green < 60, "{red} {green}");
        assert_eq!(picture.pixels[36], [255, 0, 0, 255]);
    }
}
