//! Steps that look at one pixel at a time.

use pixels::{Picture, byte};

/// Rows of weights for red, green and blue.
type Matrix = [[f32; 3]; 3];

/// Weights are multiplied as whole numbers, in parts of 2^-12.
const BITS: u32 = 12;

/// Brightness of a colour to the eye (ITU-R BT.601).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// The usual sepia, as in the CSS filter of that name (W3C Filter Effects, 0.8).
const SEPIA: Matrix = [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]];

/// Spreads values around mid-grey; 1 leaves them.
pub(crate) fn contrast(picture: &mut Picture, factor: f32) {
    by_table(picture, |value| 127.5 + (value - 127.5) * factor);
}

/// Multiplies values; 1 leaves them.
pub(crate) fn brightness(picture: &mut Picture, factor: f32) {
    by_table(picture, |value| value * factor);
}

/// Turns colours into their opposites.
pub(crate) fn negative(picture: &mut Picture) {
    by_table(picture, |value| 255.0 - value);
}

/// Adds to each channel, -255 to 255.
pub(crate) fn shift(picture: &mut Picture, [red, green, blue]: [i32; 3]) {
    let add = |value: u8, by: i32| (i32::from(value) + by).clamp(0, 255) as u8;
    picture.recolour(|[r, g, b]| [add(r, red), add(g, green), add(b, blue)]);
}

/// Moves colours away from their grey; 1 leaves them, 0 is grey.
pub(crate) fn saturation(picture: &mut Picture, factor: f32) {
    let [r, g, b] = LUMA.map(|weight| weight * (1.0 - factor));
    by_matrix(picture, [[r + factor, g, b], [r, g + factor, b], [r, g, b + factor]]);
}

/// Saturation that is stronger the paler a colour is, -1 to 1; 0 leaves them.
pub(crate) fn vibrance(picture: &mut Picture, amount: f32) {
    // By how far apart the channels are.
    let factors: [i32; 256] = std::array::from_fn(|apart| part(1.0 + amount * (1.0 - apart as f32 / 255.0)));
    let luma = LUMA.map(part);
    picture.recolour(|colour| {
        let [r, g, b] = colour;
        let apart = r.max(g).max(b) - r.min(g).min(b);
        let factor = factors.get(usize::from(apart)).copied().unwrap_or_default();
        let grey: i32 = colour.iter().zip(luma).map(|(value, weight)| i32::from(*value) * weight).sum();
        // Grey in 1/64, so that the product has room.
        let grey = grey >> (BITS - 6);
        colour.map(|value| {
            let value = (grey << BITS) + ((i32::from(value) << 6) - grey) * factor;
            whole(value >> 6)
        })
    });
}

/// Turns the colour wheel and keeps the brightness: `hueRotate` of SVG's `feColorMatrix`.
pub(crate) fn hue(picture: &mut Picture, degrees: f32) {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let cell = |keep: f32, by_cos: f32, by_sin: f32| keep + cos * by_cos + sin * by_sin;
    let matrix = [
        [cell(0.213, 0.787, -0.213), cell(0.715, -0.715, -0.715), cell(0.072, -0.072, 0.928)],
        [cell(0.213, -0.213, 0.143), cell(0.715, 0.285, 0.140), cell(0.072, -0.072, -0.283)],
        [cell(0.213, -0.213, -0.787), cell(0.715, -0.715, 0.715), cell(0.072, 0.928, 0.072)],
    ];
    by_matrix(picture, matrix);
}

/// Brown tones of old photographs.
pub(crate) fn sepia(picture: &mut Picture) {
    by_matrix(picture, SEPIA);
}

fn by_table(picture: &mut Picture, value: impl Fn(f32) -> f32) {
    let table: [u8; 256] = std::array::from_fn(|index| byte(value(index as f32)));
    let look = |index: u8| table.get(usize::from(index)).copied().unwrap_or(index);
    picture.recolour(|colour| colour.map(look));
}

fn by_matrix(picture: &mut Picture, [red, green, blue]: Matrix) {
    // By columns and with a fourth lane, so that one vector holds a pixel.
    let column = |at: fn([f32; 3]) -> f32| [part(at(red)), part(at(green)), part(at(blue)), 0];
    let columns = [column(|[r, _, _]| r), column(|[_, g, _]| g), column(|[_, _, b]| b)];
    picture.recolour(|colour| {
        let mut sums = [0; 4];
        for (column, value) in columns.iter().zip(colour) {
            sums.iter_mut().zip(column).for_each(|(sum, weight)| *sum += weight * i32::from(value));
        }
        let [r, g, b, _] = sums.map(whole);
        [r, g, b]
    });
}

fn part(weight: f32) -> i32 {
    (weight * (1 << BITS) as f32).round() as i32
}

/// The value of a sum of weighted ones, rounded, and within 0 to 255.
fn whole(sum: i32) -> u8 {
    ((sum + (1 << BITS) / 2) >> BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One pixel after a step.
    fn after(colour: [u8; 3], step: impl Fn(&mut Picture)) -> [u8; 3] {
        let [r, g, b] = colour;
        let mut picture = Picture { width: 1, height: 1, pixels: vec![[r, g, b, 77]] };
        step(&mut picture);
        assert_eq!(picture.pixels[0][3], 77, "alpha stays");
        [picture.pixels[0][0], picture.pixels[0][1], picture.pixels[0][2]]
    }

    #[test]
    fn neutral_values_change_nothing() {
        for colour in [[0, 0, 0], [255, 255, 255], [12, 200, 99], [255, 0, 128]] {
            assert_eq!(after(colour, |it| contrast(it, 1.0)), colour);
            assert_eq!(after(colour, |it| brightness(it, 1.0)), colour);
            assert_eq!(after(colour, |it| saturation(it, 1.0)), colour);
            assert_eq!(after(colour, |it| vibrance(it, 0.0)), colour);
            assert_eq!(after(colour, |it| hue(it, 0.0)), colour);
            assert_eq!(after(colour, |it| hue(it, 360.0)), colour);
            assert_eq!(after(colour, |it| shift(it, [0; 3])), colour);
        }
    }

    #[test]
    fn values_stop_at_black_and_white() {
        assert_eq!(after([10, 128, 250], |it| contrast(it, 3.0)), [0, 129, 255]);
        assert_eq!(after([10, 128, 250], |it| brightness(it, 2.0)), [20, 255, 255]);
        assert_eq!(after([10, 128, 250], |it| shift(it, [-20, 3, 255])), [0, 131, 255]);
        assert_eq!(after([10, 128, 250], negative), [245, 127, 5]);
    }

    #[test]
    fn without_saturation_there_is_only_the_brightness_to_the_eye() {
        assert_eq!(after([255, 0, 0], |it| saturation(it, 0.0)), [76; 3]);
        assert_eq!(after([0, 255, 0], |it| saturation(it, 0.0)), [150; 3]);
        assert_eq!(after([0, 0, 255], |it| saturation(it, 0.0)), [29; 3]);
    }

    #[test]
    fn vibrance_moves_pale_colours_and_leaves_vivid_ones() {
        assert_eq!(after([255, 0, 0], |it| vibrance(it, 1.0)), [255, 0, 0]);
        let pale = after([140, 120, 120], |it| vibrance(it, 1.0));
        assert!(pale[0] > 150 && pale[1] < 120, "{pale:?}");
        let dull = after([140, 120, 120], |it| vibrance(it, -1.0));
        assert!(dull[0] - dull[1] < 3, "{dull:?}");
    }

    #[test]
    fn a_third_of_the_wheel_turns_red_into_green() {
        let [r, g, b] = after([255, 0, 0], |it| hue(it, 120.0));
        assert!(g > 100 && r < 20 && b < 20, "{r} {g} {b}");
    }

    #[test]
    fn sepia_of_grey_is_brown() {
        assert_eq!(after([100; 3], sepia), [135, 120, 94]);
    }
}
