//! Steps in which a pixel depends on those around it or on where it is.

use pixels::{Mixed, Picture, byte, mixed, straight};

/// A 3 × 3 kernel, row by row.
type Kernel = [[f32; 3]; 3];

/// Pillow's SMOOTH, from which its `ImageEnhance.Sharpness` starts too, times 13.
const SMOOTH: Kernel = [[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]];
/// Pillow's EMBOSS; its offset is mid-grey.
const EMBOSS: Kernel = [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]];
/// Pillow's CONTOUR; its offset is white.
const CONTOUR: Kernel = [[-1.0, -1.0, -1.0], [-1.0, 8.0, -1.0], [-1.0, -1.0, -1.0]];

/// Where a vignette begins, as a part of the way from the middle to a corner.
const VIGNETTE_START: f32 = 0.4;

/// Away from the smoothed picture; 1 leaves it, 0 is smooth, more is sharper (Pillow's `ImageEnhance.Sharpness`).
pub(crate) fn sharpness(picture: &mut Picture, factor: f32) {
    let mut kernel = SMOOTH.map(|row| row.map(|weight| weight / 13.0 * (1.0 - factor)));
    kernel[1][1] += factor;
    convolve(picture, kernel, 0.0);
}

/// Edges as if lit from the upper left.
pub(crate) fn emboss(picture: &mut Picture) {
    convolve(picture, EMBOSS, 128.0);
}

/// Dark lines around what there is, on white.
pub(crate) fn contour(picture: &mut Picture) {
    convolve(picture, CONTOUR, 255.0);
}

/// Puts what the kernel gives and `offset` in the place of each colour; alpha stays.
fn convolve(picture: &mut Picture, kernel: Kernel, offset: f32) {
    let height = picture.height;
    let line =
        |picture: &Picture, y: usize| picture.rows().nth(y.min(height - 1)).map(bordered).unwrap_or_default();
    let (mut above, mut here) = (line(picture, 0), line(picture, 0));
    for y in 0..height {
        let below = line(picture, y + 1);
        let around = above.windows(3).zip(here.windows(3)).zip(below.windows(3));
        let row = picture.rows_mut().nth(y).unwrap_or_default();
        for (pixel, ((above, here), below)) in row.iter_mut().zip(around) {
            // Half a step more, so that cutting off the fraction rounds.
            let mut sums: Mixed = [offset + 0.5; 4];
            for (weights, row) in kernel.iter().zip([above, here, below]) {
                for (weight, near) in weights.iter().zip(row) {
                    sums.iter_mut().zip(near).for_each(|(sum, near)| *sum += weight * near);
                }
            }
            let [r, g, b, _] = sums.map(|sum| sum as u8);
            *pixel = [r, g, b, pixel[3]];
        }
        above = std::mem::replace(&mut here, below);
    }
}

/// The pixels of a row, with its first and last once more. A fourth lane that nobody reads makes a pixel one vector.
fn bordered(row: &[[u8; 4]]) -> Vec<[f32; 4]> {
    let border = |pixel: Option<&[u8; 4]>| pixel.copied().into_iter();
    let row = border(row.first()).chain(row.iter().copied()).chain(border(row.last()));
    row.map(|pixel| pixel.map(f32::from)).collect()
}

/// Squares of `side` pixels in their mean colour.
pub(crate) fn pixelize(picture: &mut Picture, side: usize) {
    let across = picture.width.div_ceil(side);
    for band in picture.pixels.chunks_mut(picture.width * side) {
        let mut sums = vec![([0.0; 4], 0.0); across];
        let row_length = picture.width;
        for row in band.chunks(row_length) {
            for (block, (sum, count)) in row.chunks(side).zip(&mut sums) {
                for pixel in block.iter() {
                    sum.iter_mut().zip(mixed(*pixel)).for_each(|(sum, value)| *sum += value);
                }
                *count += block.len() as f32;
            }
        }
        for row in band.chunks_mut(row_length) {
            for (block, (sum, count)) in row.chunks_mut(side).zip(&sums) {
                block.fill(straight(sum.map(|value| value / count)));
            }
        }
    }
}

/// Darkens towards the corners, which become black.
pub(crate) fn vignette(picture: &mut Picture) {
    let middle = (picture.width as f32 / 2.0, picture.height as f32 / 2.0);
    let far = |across: f32, down: f32| (across * across + down * down).sqrt();
    let corner = far(middle.0, middle.1);
    for (y, row) in picture.rows_mut().enumerate() {
        let down = y as f32 + 0.5 - middle.1;
        for (x, pixel) in row.iter_mut().enumerate() {
            let way = far(x as f32 + 0.5 - middle.0, down) / corner;
            let part = ((way - VIGNETTE_START) / (1.0 - VIGNETTE_START)).clamp(0.0, 1.0);
            let light = 1.0 - part * part * (3.0 - 2.0 * part);
            let [r, g, b, a] = *pixel;
            let [r, g, b] = [r, g, b].map(|value| byte(f32::from(value) * light));
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
