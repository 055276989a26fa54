//! Turning a picture.

use std::ops::Range;

use pixels::{Mixed, Picture, mixed_row, straight};

/// Places in a picture in steps of 2^-32 pixels, so that one can be added to the next over any row.
type Place = i64;

const PIXEL: f64 = (1_u64 << 32) as f64;
/// How finely pixels are mixed, in bits.
const FINE: u32 = 10;
const WHOLE: u32 = 1 << FINE;

/// Turns clockwise. The picture grows so that nothing is cut off; what is new is transparent. Quarter turns move pixels
/// as they are, others mix the four nearest.
pub(crate) fn rotate(picture: &mut Picture, degrees: f32) {
    let degrees = degrees.rem_euclid(360.0);
    if degrees % 90.0 == 0.0 {
        quarter_turns(picture, (degrees / 90.0) as u32);
    } else {
        *picture = turned(picture, f64::from(degrees).to_radians());
    }
}

fn quarter_turns(picture: &mut Picture, count: u32) {
    if count & 2 != 0 {
        picture.pixels.reverse();
    }
    if count & 1 != 0 {
        *picture = picture.transposed();
        picture.rows_mut().for_each(<[_]>::reverse);
    }
}

fn turned(picture: &Picture, angle: f64) -> Picture {
    let (sin, cos) = angle.sin_cos();
    let (width, height) = (picture.width as f64, picture.height as f64);
    let side = |value: f64| (value - 1e-3).ceil().max(1.0) as usize;
    let mut to = Picture::empty(
        side(width * cos.abs() + height * sin.abs()),
        side(width * sin.abs() + height * cos.abs()),
    );
    let source = Framed::new(picture);
    let place = |pixels: f64| (pixels * PIXEL) as Place;
    let step = (place(cos), place(-sin));
    let middle = (to.width as f64 / 2.0, to.height as f64 / 2.0);
    for (y, row) in to.rows_mut().enumerate() {
        let (right, down) = (0.5 - middle.0, y as f64 + 0.5 - middle.1);
        // In the frame, and to the middle of the pixel there.
        let x = place(cos * right + sin * down + width / 2.0 + 0.5);
        let y = place(cos * down - sin * right + height / 2.0 + 0.5);
        source.draw_line((x, y), step, row);
    }
    to
}

/// A picture ready to be mixed, with a frame of transparent pixels.
struct Framed {
    width: usize,
    height: usize,
    pixels: Vec<Mixed>,
}

impl Framed {
    fn new(picture: &Picture) -> Self {
        let (width, height) = (picture.width + 2, picture.height + 2);
        let mut pixels = vec![[0; 4]; width * height];
        for (row, from) in pixels.chunks_exact_mut(width).skip(1).zip(picture.rows()) {
            mixed_row(from, row.get_mut(1..=from.len()).unwrap_or_default());
        }
        Self { width, height, pixels }
    }

    /// Draws what lies on a line from one place on, in equal steps, as far as that is inside the frame.
    fn draw_line(&self, from: (Place, Place), step: (Place, Place), row: &mut [[u8; 4]]) {
        let across = inside(from.0, step.0, self.width, row.len());
        let down = inside(from.1, step.1, self.height, row.len());
        let span = across.start.max(down.start)..across.end.min(down.end);
        let ahead = span.start as Place;
        let (mut x, mut y) = (from.0 + step.0 * ahead, from.1 + step.1 * ahead);
        for pixel in row.get_mut(span).unwrap_or_default() {
            *pixel = straight(self.between(x, y));
            x += step.0;
            y += step.1;
        }
    }

    /// The mix of the four pixels around a place.
    fn between(&self, x: Place, y: Place) -> Mixed {
        let part = |place: Place| (place >> (32 - FINE)) as u32 % WHOLE;
        let (right, lower) = (part(x), part(y));
        let at = (y >> 32) as usize * self.width + (x >> 32) as usize;
        let pair =
            |at: usize| self.pixels.get(at..).and_then(<[_]>::first_chunk).copied().unwrap_or_default();
        let [above, below] = [at, at + self.width].map(|at| {
            let [left, other]: [Mixed; 2] = pair(at);
            let mut pixel = [0; 4];
            for (value, (left, other)) in pixel.iter_mut().zip(left.iter().zip(other)) {
                *value = (u32::from(*left) * (WHOLE - right) + u32::from(other) * right) >> (FINE - 1);
            }
            pixel
        });
        let mut pixel = [0; 4];
        for (value, (above, below)) in pixel.iter_mut().zip(above.iter().zip(below)) {
            *value = ((above * (WHOLE - lower) + below * lower + WHOLE) >> (FINE + 1)) as u16;
        }
        pixel
    }
}

/// The steps, of `count`, at which a place lies between the first and the last of `side` pixels.
fn inside(from: Place, step: Place, side: usize, count: usize) -> Range<usize> {
    let end = (side as Place - 1) << 32;
    // Backwards it is the same from the other end.
    let (from, step) = if step < 0 { (end - 1 - from, -step) } else { (from, step) };
    let steps_to = |place: Place| match step {
        0 => {
            if from >= place {
                0
            } else {
                count
            }
        }
        _ => ((place - from + step - 1).div_euclid(step)).clamp(0, count as Place) as usize,
    };
    steps_to(0)..steps_to(end)
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

    /// The plain definition: bilinear in f64, outside is transparent.
    fn plainly(
        picture: &Picture,
        degrees: f64,
        (width, height): (usize, usize),
        x: usize,
        y: usize,
    ) -> [f64; 4] {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let right = x as f64 + 0.5 - width as f64 / 2.0;
        let down = y as f64 + 0.5 - height as f64 / 2.0;
        let from_x = cos * right + sin * down + picture.width as f64 / 2.0 - 0.5;
        let from_y = cos * down - sin * right + picture.height as f64 / 2.0 - 0.5;
        let mut sum = [0.0; 4];
        for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let (at_x, at_y) = (from_x.floor() as isize + dx, from_y.floor() as isize + dy);
            let part = (1.0 - (from_x - at_x as f64).abs()) * (1.0 - (from_y - at_y as f64).abs());
            let is_inside =
                (0..picture.width as isize).contains(&at_x) && (0..picture.height as isize).contains(&at_y);
            let [r, g, b, a] = if is_inside { picture.near(at_x, at_y).map(f64::from) } else { [0.0; 4] };
            let mixed = [r * a / 255.0, g * a / 255.0, b * a / 255.0, a];
            sum.iter_mut().zip(mixed).for_each(|(sum, value)| *sum += part * value);
        }
        sum
    }

    #[test]
    fn a_turn_is_its_definition_to_one_grey_level() {
        let pixels =
            (0..31 * 22_usize).map(|at| [at * 71, at * 113, at * 5, 255 - at % 3 * 40].map(|it| it as u8));
        let picture = Picture { width: 31, height: 22, pixels: pixels.collect() };
        for degrees in [0.5, 30.0, 89.0, 91.0, 135.0, 200.0, 269.5, 300.0, 359.0] {
            let turned = after(picture.clone(), |it| rotate(it, degrees));
            for (x, y) in (0..turned.height).flat_map(|y| (0..turned.width).map(move |x| (x, y))) {
                let [r, g, b, a] = plainly(&picture, degrees.into(), (turned.width, turned.height), x, y);
                let found = turned.near(x as isize, y as isize).map(f64::from);
                let shown = |value: f64| value * a / 255.0;
                let differences =
                    [shown(found[0]) - r, shown(found[1]) - g, shown(found[2]) - b, found[3] - a];
                let most = differences.into_iter().map(f64::abs).fold(0.0, f64::max);
                assert!(most <= 1.0, "{degrees}° at {x}, {y}: {found:?}, not {:?}", [r, g, b, a]);
            }
        }
    }
}
