//! Steps that move pixels: turn, mirror, enlarge, cut.

use pixels::{Mixed, Picture, mixed, straight};

/// How a picture is mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mirror {
    /// Left and right change places.
    Horizontal,
    /// Top and bottom change places.
    Vertical,
}

/// Turns clockwise. The picture grows so that nothing is cut off; what is new is transparent. Quarter turns move pixels
/// as they are, others mix the four nearest.
pub(crate) fn rotate(picture: &mut Picture, degrees: f32) {
    let degrees = degrees.rem_euclid(360.0);
    if degrees % 90.0 == 0.0 {
        (0..(degrees / 90.0) as u32).for_each(|_| *picture = quarter_turn(picture));
    } else {
        *picture = turned(picture, degrees.to_radians());
    }
}

fn quarter_turn(picture: &Picture) -> Picture {
    let (width, height) = (picture.height, picture.width);
    let from = |x: usize, y: usize| picture.near(y as isize, (width - 1 - x) as isize);
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| from(x, y)).collect();
    Picture { width, height, pixels }
}

fn turned(picture: &Picture, angle: f32) -> Picture {
    let (sin, cos) = angle.sin_cos();
    let (width, height) = (picture.width as f32, picture.height as f32);
    let side = |value: f32| (value - 1e-3).ceil().max(1.0) as usize;
    let mut to = Picture::empty(
        side(width * cos.abs() + height * sin.abs()),
        side(width * sin.abs() + height * cos.abs()),
    );
    let middle = (to.width as f32 / 2.0, to.height as f32 / 2.0);
    for (y, row) in to.rows_mut().enumerate() {
        let down = y as f32 + 0.5 - middle.1;
        for (x, pixel) in row.iter_mut().enumerate() {
            let right = x as f32 + 0.5 - middle.0;
            let from = (cos * right + sin * down + width / 2.0, cos * down - sin * right + height / 2.0);
            *pixel = straight(between(picture, from.0 - 0.5, from.1 - 0.5));
        }
    }
    to
}

/// The mix of the four pixels around a place; outside is transparent.
fn between(picture: &Picture, x: f32, y: f32) -> Mixed {
    let (left, top) = (x.floor(), y.floor());
    let (right_part, lower_part) = (x - left, y - top);
    let (left, top) = (left as isize, top as isize);
    if left < -1 || top < -1 || left >= picture.width as isize || top >= picture.height as isize {
        return [0.0; 4];
    }
    let row = |y: isize, part: f32| [(left, y, part * (1.0 - right_part)), (left + 1, y, part * right_part)];
    let mut sum = [0.0; 4];
    for (x, y, part) in row(top, 1.0 - lower_part).into_iter().chain(row(top + 1, lower_part)) {
        if let Some(pixel) = picture.inside(x, y) {
            sum.iter_mut().zip(mixed(pixel)).for_each(|(sum, value)| *sum += value * part);
        }
    }
    sum
}

/// Mirrors in place.
pub(crate) fn mirror(picture: &mut Picture, how: Mirror) {
    match how {
        Mirror::Horizontal => picture.rows_mut().for_each(<[_]>::reverse),
        Mirror::Vertical => {
            let rows: Vec<[u8; 4]> = picture.rows().rev().flatten().copied().collect();
            picture.pixels = rows;
        }
    }
}

/// Makes all of the picture larger or smaller, with a triangle filter that widens as the picture shrinks (Pillow's
/// BILINEAR).
pub(crate) fn zoom(picture: &mut Picture, factor: f32) {
    let side = |side: usize| ((side as f32 * factor).round() as usize).max(1);
    let size = (side(picture.width), side(picture.height));
    let (mut lengths, mut shares) = ((0, 0), Vec::new());
    *picture = picture.along_both(size, |line, turned, length| {
        // The same for all rows, and for all columns.
        if lengths != (line.len(), length) {
            lengths = (line.len(), length);
            shares = (0..length).map(|at| Share::of(at, line.len(), length)).collect();
        }
        turned.clear();
        turned.extend(shares.iter().map(|share| share.taken(line)));
    });
}

/// How much of which pixels of a line one pixel of the turned line has.
struct Share {
    first: usize,
    /// Together 1.
    weights: Vec<f32>,
}

impl Share {
    /// Of the pixel there in a line of `before` pixels that becomes `after` pixels long.
    fn of(at: usize, before: usize, after: usize) -> Self {
        let scale = before as f32 / after as f32;
        let reach = scale.max(1.0);
        let middle = (at as f32 + 0.5) * scale;
        let first = (middle - reach).max(0.0) as usize;
        let last = ((middle + reach).ceil() as usize).min(before);
        let weight = |index: usize| (1.0 - ((index as f32 + 0.5 - middle) / reach).abs()).max(0.0);
        let mut weights: Vec<f32> = (first..last).map(weight).collect();
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Self { first, weights }
    }

    fn taken(&self, line: &[Mixed]) -> Mixed {
        let mut sum = [0.0; 4];
        let pixels = line.get(self.first..).unwrap_or_default();
        for (pixel, weight) in pixels.iter().zip(&self.weights) {
            sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value * weight);
        }
        sum
    }
}

/// Parts of width and height that are cut away at each side, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Margins {
    pub(crate) left: f32,
    pub(crate) top: f32,
    pub(crate) right: f32,
    pub(crate) bottom: f32,
}

/// Cuts the margins off. At least one pixel stays.
pub(crate) fn crop(picture: &mut Picture, margins: Margins) {
    let span = |side: usize, before: f32, after: f32| {
        let pixels = |part: f32| (side as f32 * part).round() as usize;
        let start = pixels(before).min(side - 1);
        (start, side.saturating_sub(pixels(after)).max(start + 1))
    };
    let (left, right) = span(picture.width, margins.left, margins.right);
    let (top, bottom) = span(picture.height, margins.top, margins.bottom);
    let rows = picture.rows().take(bottom).skip(top);
    let pixels = rows.flat_map(|row| row.iter().take(right).skip(left)).copied().collect();
    *picture = Picture { width: right - left, height: bottom - top, pixels };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose pixels have their place as their colour.
    fn places(width: usize, height: usize) -> Picture {
        let place = |at: usize| [(at % width) as u8, (at / width) as u8, 0, 255];
        Picture { width, height, pixels: (0..width * height).map(place).collect() }
    }

    fn after(mut picture: Picture, step: impl Fn(&mut Picture)) -> Picture {
        step(&mut picture);
        picture
    }

    #[test]
    fn a_quarter_turn_is_clockwise_and_four_of_them_none() {
        let turned = after(places(3, 2), |it| rotate(it, 90.0));
        assert_eq!((turned.width, turned.height), (2, 3));
        assert_eq!(turned.near(0, 0), [0, 1, 0, 255], "the lower left corner is now the upper left");
        assert_eq!(turned.near(1, 2), [2, 0, 0, 255]);
        assert_eq!(after(turned, |it| rotate(it, -90.0)), places(3, 2));
        assert_eq!(after(places(3, 2), |it| rotate(it, 180.0)).near(0, 0), [2, 1, 0, 255]);
    }

    #[test]
    fn any_turn_keeps_all_of_the_picture_and_adds_nothing_but_air() {
        let turned = after(places(40, 20), |it| rotate(it, 30.0));
        assert_eq!((turned.width, turned.height), (45, 38));
        assert_eq!(turned.near(0, 0)[3], 0);
        let middle = turned.near(22, 19);
        assert!(middle[0].abs_diff(20) <= 1 && middle[1].abs_diff(10) <= 1 && middle[3] == 255, "{middle:?}");
        // Clockwise: what is right of the middle goes down.
        let right = turned.near(22 + 13, 19 + 7);
        assert!(right[0] > 30, "{right:?}");
    }

    #[test]
    fn a_mirror_held_twice_shows_the_picture() {
        for how in [Mirror::Horizontal, Mirror::Vertical] {
            let once = after(places(5, 4), |it| mirror(it, how));
            assert_ne!(once, places(5, 4));
            assert_eq!(after(once, |it| mirror(it, how)), places(5, 4));
        }
        assert_eq!(after(places(5, 4), |it| mirror(it, Mirror::Horizontal)).near(0, 0), [4, 0, 0, 255]);
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

    #[test]
    fn a_crop_takes_parts_of_each_side_and_leaves_a_pixel() {
        let margins = |left, top, right, bottom| Margins { left, top, right, bottom };
        let cut = after(places(10, 8), |it| crop(it, margins(0.2, 0.25, 0.3, 0.0)));
        assert_eq!((cut.width, cut.height, cut.near(0, 0)), (5, 6, [2, 2, 0, 255]));
        let least = after(places(10, 8), |it| crop(it, margins(0.9, 0.9, 0.9, 0.9)));
        assert_eq!((least.width, least.height), (1, 1));
    }
}
