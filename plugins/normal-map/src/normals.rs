//! From heights to the directions that a surface faces.

use pixels::{Picture, byte};

use crate::heights::Heights;

/// How a slope is measured from the pixels around. A height that grows by 1 in 8 pixels is a slope of 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// Weights 1, 2, 1 across (I. Sobel and G. Feldman, 1968).
    Sobel,
    /// Weights 3, 10, 3 across, closest to round (H. Scharr, 2000).
    Scharr,
}

impl Kernel {
    /// The weights across the direction of the slope; together 4.
    fn across(self) -> [f32; 3] {
        match self {
            Self::Sobel => [1.0, 2.0, 1.0],
            Self::Scharr => [0.75, 2.5, 0.75],
        }
    }
}

/// Where a direction points that has all of its green.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Green {
    /// To the top, as OpenGL, Vulkan shaders of most tools, Blender and Unity have it.
    Up,
    /// To the bottom, as DirectX and Unreal have it.
    Down,
}

/// The normal map of heights: red is right, green up or down, blue out of the picture, each -1 to 1 as 0 to 255. Slopes
/// are taken times `strength`; a negative one turns heights into depths.
pub(crate) fn normals(heights: &Heights, strength: f32, kernel: Kernel, green: Green) -> Picture {
    let across = kernel.across();
    let down_sign = if green == Green::Up { 1.0 } else { -1.0 };
    let line = |y: isize| heights.bordered(heights.row(y), 1);
    let (mut above, mut here) = (line(-1), line(0));
    let mut pixels = Vec::with_capacity(heights.values.len());
    for y in 0..heights.height() as isize {
        let below = line(y + 1);
        let around = above.windows(3).zip(here.windows(3)).zip(below.windows(3));
        pixels.extend(around.map(|((above, here), below)| {
            let [right, down] = slope([above, here, below], across);
            facing(-right * strength, down * strength * down_sign)
        }));
        above = std::mem::replace(&mut here, below);
    }
    Picture { width: heights.width, height: heights.height(), pixels }
}

/// How fast heights grow to the right and to the bottom, from three rows of three.
fn slope(rows: [&[f32]; 3], [side, middle, _]: [f32; 3]) -> [f32; 2] {
    let [[a, b, c], [d, _, e], [f, g, h]] = rows.map(|row| <[f32; 3]>::try_from(row).unwrap_or_default());
    let right = side * (c - a + h - f) + middle * (e - d);
    let down = side * (f - a + h - c) + middle * (g - b);
    [right, down]
}

/// The colour of a direction that goes this far to the side and up for 1 out of the picture.
fn facing(x: f32, y: f32) -> [u8; 4] {
    let length = (x * x + y * y + 1.0).sqrt();
    let [r, g, b] = [x, y, 1.0].map(|part| byte(127.5 + 127.5 * part / length));
    [r, g, b, 255]
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAT: [u8; 4] = [128, 128, 255, 255];

    fn heights(side: usize, height: impl Fn(usize, usize) -> f32, tiles: bool) -> Heights {
        let values = (0..side * side).map(|at| height(at % side, at / side)).collect();
        Heights { width: side, values, tiles }
    }

    fn middle(heights: &Heights, strength: f32, kernel: Kernel, green: Green) -> [u8; 4] {
        normals(heights, strength, kernel, green).near(4, 4)
    }

    #[test]
    fn what_is_level_faces_out_of_the_picture() {
        for tiles in [false, true] {
            let map = normals(&heights(9, |_, _| 0.7, tiles), 10.0, Kernel::Sobel, Green::Up);
            assert!(map.pixels.iter().all(|pixel| *pixel == FLAT));
        }
        let steep = heights(9, |x, _| x as f32, false);
        assert_eq!(middle(&steep, 0.0, Kernel::Scharr, Green::Up), FLAT, "without strength all is level");
    }

    #[test]
    fn a_rise_of_one_in_eight_pixels_is_45_degrees() {
        let rise = heights(9, |x, _| x as f32 / 8.0, false);
        for kernel in [Kernel::Sobel, Kernel::Scharr] {
            assert_eq!(middle(&rise, 1.0, kernel, Green::Up), [37, 128, 218, 255], "it faces left");
            assert_eq!(
                middle(&rise, -1.0, kernel, Green::Up),
                [218, 128, 218, 255],
                "as a depth it faces right"
            );
        }
    }

    #[test]
    fn green_is_up_or_down() {
        // Higher to the bottom, so it faces the top.
        let rise = heights(9, |_, y| y as f32 / 8.0, false);
        assert_eq!(middle(&rise, 1.0, Kernel::Sobel, Green::Up), [128, 218, 218, 255]);
        assert_eq!(middle(&rise, 1.0, Kernel::Sobel, Green::Down), [128, 37, 218, 255]);
    }

    #[test]
    fn tiles_meet_without_a_seam() {
        // One wave across the picture.
        let wave = |x: usize, _: usize| (x as f32 / 9.0 * std::f32::consts::TAU).sin() / 8.0;
        let seam = |tiles| normals(&heights(9, wave, tiles), 1.0, Kernel::Sobel, Green::Up).near(0, 4)[0];
        let slope = (std::f32::consts::TAU / 9.0).sin();
        let expected = byte(127.5 - 127.5 * slope / (slope * slope + 1.0).sqrt());
        assert_eq!(seam(true), expected);
        assert!(seam(false) > expected, "at a border that ends the slope is half of it");
    }

    #[test]
    fn scharr_is_rounder_than_sobel() {
        // A cone; its slope is the same all around.
        let far = |x: usize, y: usize| ((x as f32 - 4.0).powi(2) + (y as f32 - 4.0).powi(2)).sqrt() / 8.0;
        let cone = heights(9, far, false);
        let off = |kernel| {
            let map = normals(&cone, 1.0, kernel, Green::Up);
            f32::from(map.near(7, 4)[2]) - f32::from(map.near(6, 6)[2])
        };
        assert!(off(Kernel::Scharr).abs() <= off(Kernel::Sobel).abs());
    }

    #[test]
    fn one_pixel_is_a_picture_too() {
        for tiles in [false, true] {
            assert_eq!(normals(&heights(1, |_, _| 0.3, tiles), 5.0, Kernel::Sobel, Green::Up).pixels, [FLAT]);
        }
    }
}
