//! Steps in which a pixel depends on those around it or on where it is.

use pixels::{Picture, mixed, straight};

/// Factors are multiplied as whole numbers, in parts of 2^-12.
const BITS: u32 = 12;

/// Where a vignette begins, as a part of the way from the middle to a corner.
const VIGNETTE_START: f32 = 0.4;
/// Lights of a vignette, by the square of the way from the middle to a corner.
const LIGHTS: usize = 4096;

/// Away from the smoothed picture; 1 leaves it, 0 is smooth, more is sharper (Pillow's `ImageEnhance.Sharpness`, which
/// starts from its SMOOTH: a 13th of all nine pixels, and of the one in the middle four times more).
pub(crate) fn sharpness(picture: &mut Picture, factor: f32) {
    let all = ((1.0 - factor) / 13.0 * (1 << BITS) as f32).round() as i32;
    // What the nine leave, so that an even picture stays even.
    let middle = (1 << BITS) - 9 * all;
    by_nine(picture, |nine, here| (nine * all + here * middle + (1 << BITS) / 2) >> BITS);
}

/// Dark lines around what there is, on white (Pillow's CONTOUR).
pub(crate) fn contour(picture: &mut Picture) {
    by_nine(picture, |nine, here| 9 * here - nine + 255);
}

/// Edges as if lit from the upper left (Pillow's EMBOSS).
pub(crate) fn emboss(picture: &mut Picture) {
    let mut upper = Vec::new();
    by_three_rows(picture, |[above, here, _], row| {
        upper.clear();
        // One pixel further left.
        upper.extend(above.first().into_iter().chain(above).copied());
        let pairs = here.as_flattened().iter().zip(upper.as_flattened());
        for (value, (here, upper)) in row.as_flattened_mut().iter_mut().zip(pairs) {
            *value = (i16::from(*here) - i16::from(*upper) + 128).clamp(0, 255) as u8;
        }
    });
}

/// Puts what `value` makes of the sum of the nine pixels around and of the one there in the place of each.
fn by_nine(picture: &mut Picture, value: impl Fn(i32, i32) -> i32) {
    let mut columns: Vec<[u16; 4]> = Vec::new();
    by_three_rows(picture, |[above, here, below], row| {
        let column = |((above, here), below): ((&[u8; 4], &[u8; 4]), &[u8; 4])| {
            let mut sums = above.map(u16::from);
            sums.iter_mut().zip(here).for_each(|(sum, value)| *sum += u16::from(*value));
            sums.iter_mut().zip(below).for_each(|(sum, value)| *sum += u16::from(*value));
            sums
        };
        let sums = above.iter().zip(here).zip(below).map(column);
        columns.clear();
        columns.extend(sums.clone().take(1).chain(sums.clone()).chain(sums.rev().take(1)));
        let from = |x: usize| columns.get(x..).unwrap_or_default().as_flattened();
        let nine = from(0).iter().zip(from(1)).zip(from(2));
        let nine = nine.map(|((left, middle), right)| i32::from(left + middle + right));
        for ((to, here), nine) in row.as_flattened_mut().iter_mut().zip(here.as_flattened()).zip(nine) {
            *to = value(nine, i32::from(*here)).clamp(0, 255) as u8;
        }
    });
}

/// Puts what `fill` writes, given each row with that above and that below, in the place of its colours; alpha stays.
/// Beyond the border are the rows at the border again.
fn by_three_rows(picture: &mut Picture, mut fill: impl FnMut([&[[u8; 4]]; 3], &mut [[u8; 4]])) {
    let mut rows = picture.rows_mut().peekable();
    let mut above = rows.peek().map(|row| row.to_vec()).unwrap_or_default();
    let mut here = above.clone();
    let mut filled = above.clone();
    while let Some(row) = rows.next() {
        here.copy_from_slice(row);
        let below = rows.peek().map_or(here.as_slice(), |below| below);
        fill([&above, &here, below], &mut filled);
        for (pixel, [r, g, b, _]) in row.iter_mut().zip(&filled) {
            *pixel = [*r, *g, *b, pixel[3]];
        }
        std::mem::swap(&mut above, &mut here);
    }
}

/// Squares of `side` pixels in their mean colour.
pub(crate) fn pixelize(picture: &mut Picture, side: usize) {
    let width = picture.width;
    for band in picture.pixels.chunks_mut(width * side) {
        let mut sums = vec![([0; 4], 0); width.div_ceil(side)];
        for row in band.chunks(width) {
            for (block, (sum, count)) in row.chunks(side).zip(&mut sums) {
                for pixel in block {
                    // Blocks of 256² pixels have room in 32 bits.
                    sum.iter_mut().zip(mixed(*pixel)).for_each(|(sum, value)| *sum += u32::from(value));
                }
                *count += block.len() as u32;
            }
        }
        for row in band.chunks_mut(width) {
            for (block, (sum, count)) in row.chunks_mut(side).zip(&sums) {
                block.fill(straight(sum.map(|value| ((value + count / 2) / count) as u16)));
            }
        }
    }
}

/// Darkens towards the corners, which become black.
pub(crate) fn vignette(picture: &mut Picture) {
    let lights: [u32; LIGHTS + 1] = std::array::from_fn(|at| {
        let way = ((at as f32 + 0.5) / LIGHTS as f32).sqrt();
        let part = ((way - VIGNETTE_START) / (1.0 - VIGNETTE_START)).clamp(0.0, 1.0);
        ((1.0 - part * part * (3.0 - 2.0 * part)) * (1 << BITS) as f32).round() as u32
    });
    let (width, height) = (picture.width, picture.height);
    let corner = (width * width + height * height) as u64;
    // The square of the way along one side, in parts of 2^-16 of a light.
    let square = |at: usize, side: usize| {
        let way = (2 * at + 1).abs_diff(side) as u64;
        (way * way * (LIGHTS << 16) as u64 / corner) as u32
    };
    let across: Vec<u32> = (0..width).map(|x| square(x, width)).collect();
    for (y, row) in picture.rows_mut().enumerate() {
        let down = square(y, height);
        for (pixel, across) in row.iter_mut().zip(&across) {
            let light = lights.get((across + down) as usize >> 16).copied().unwrap_or_default();
            let [r, g, b, a] = *pixel;
            let [r, g, b] =
                [r, g, b].map(|value| ((u32::from(value) * light + (1 << BITS) / 2) >> BITS) as u8);
            *pixel = [r, g, b, a];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: usize, values: &[u8]) -> Picture {
        let pixels: Vec<_> = values.iter().map(|value| [*value, *value, *value, 255]).collect();
        Picture { width, height: values.len() / width, pixels }
    }

    fn values(picture: &Picture) -> Vec<u8> {
        picture.pixels.iter().map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn an_even_picture_stays_even() {
        for step in [|it: &mut Picture| sharpness(it, 4.0), |it: &mut Picture| pixelize(it, 8)] {
            let mut picture = grey(19, &[90; 19 * 11]);
            step(&mut picture);
            assert!(values(&picture).iter().all(|value| *value == 90));
        }
        let mut picture = grey(19, &[90; 19 * 11]);
        emboss(&mut picture);
        assert!(values(&picture).iter().all(|value| *value == 128));
        let mut picture = grey(19, &[90; 19 * 11]);
        contour(&mut picture);
        assert!(values(&picture).iter().all(|value| *value == 255));
    }

    #[test]
    fn kernels_see_all_nine_pixels_and_repeat_the_border() {
        let mut picture = grey(3, &[10, 20, 30, 40, 50, 60, 70, 80, 90]);
        sharpness(&mut picture, 0.0);
        // The middle: (10+20+30+40+60+70+80+90 + 5·50) / 13; the corner: (10·4 + 20·2 + 40·2 + 50 + 4·10) / 13.
        let smooth = values(&picture);
        assert_eq!((smooth[4], smooth[0]), (50, 19));
        let mut picture = grey(3, &[10, 20, 30, 40, 50, 60, 70, 80, 90]);
        sharpness(&mut picture, 1.0);
        assert_eq!(values(&picture), [10, 20, 30, 40, 50, 60, 70, 80, 90]);
    }

    #[test]
    fn blocks_at_the_edge_are_smaller() {
        let mut picture = grey(3, &[0, 100, 7, 100, 200, 9, 50, 60, 70]);
        pixelize(&mut picture, 2);
        assert_eq!(values(&picture), [100, 100, 8, 100, 100, 8, 55, 55, 70]);
    }

    #[test]
    fn a_vignette_leaves_the_middle_and_darkens_the_corners() {
        let mut picture = grey(101, &[200; 101 * 101]);
        vignette(&mut picture);
        let values = values(&picture);
        assert_eq!(values[50 * 101 + 50], 200);
        assert!(values[0] < 5 && values[50 * 101] > values[0]);
    }
}
