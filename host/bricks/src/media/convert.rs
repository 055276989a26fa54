//! Pixel format conversion, one run of pixels at a time.

use super::PixelFormat::{self, Luma8, Luma32f, Rgb8, Rgba8};

/// Appends `pixels` (whole pixels of `from`) to `out`, converted to `to`.
pub(super) fn append(pixels: &[u8], from: PixelFormat, to: PixelFormat, out: &mut Vec<u8>) {
    match (from, to) {
        (Rgba8, Rgb8) => each::<4, 3>(pixels, out, |[r, g, b, _]| [r, g, b]),
        (Rgba8, Luma8) => each::<4, 1>(pixels, out, |[r, g, b, _]| [luma(r, g, b)]),
        (Rgba8, Luma32f) => each::<4, 4>(pixels, out, |[r, g, b, _]| float(luma_exact(r, g, b))),
        (Rgb8, Rgba8) => each::<3, 4>(pixels, out, |[r, g, b]| [r, g, b, 255]),
        (Rgb8, Luma8) => each::<3, 1>(pixels, out, |[r, g, b]| [luma(r, g, b)]),
        (Rgb8, Luma32f) => each::<3, 4>(pixels, out, |[r, g, b]| float(luma_exact(r, g, b))),
        (Luma8, Rgba8) => each::<1, 4>(pixels, out, |[v]| [v, v, v, 255]),
        (Luma8, Rgb8) => each::<1, 3>(pixels, out, |[v]| [v, v, v]),
        (Luma8, Luma32f) => each::<1, 4>(pixels, out, |[v]| float(f32::from(v))),
        (Luma32f, Rgba8) => each::<4, 4>(pixels, out, |v| {
            let v = byte(v);
            [v, v, v, 255]
        }),
        (Luma32f, Rgb8) => each::<4, 3>(pixels, out, |v| [byte(v); 3]),
        (Luma32f, Luma8) => each::<4, 1>(pixels, out, |v| [byte(v)]),
        (Rgba8, Rgba8) | (Rgb8, Rgb8) | (Luma8, Luma8) | (Luma32f, Luma32f) => out.extend_from_slice(pixels),
    }
}

fn each<const FROM: usize, const TO: usize>(
    pixels: &[u8],
    out: &mut Vec<u8>,
    convert: impl Fn([u8; FROM]) -> [u8; TO],
) {
    out.extend(pixels.as_chunks::<FROM>().0.iter().flat_map(|&pixel| convert(pixel)));
}

/// ITU-R BT.601 luma in Pillow's fixed-point form (16 fractional bits).
fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471 + 0x8000) >> 16) as u8
}

fn luma_exact(r: u8, g: u8, b: u8) -> f32 {
    f32::from(r) * 0.299 + f32::from(g) * 0.587 + f32::from(b) * 0.114
}

fn float(value: f32) -> [u8; 4] {
    (value / 255.0).to_le_bytes()
}

fn byte(value: [u8; 4]) -> u8 {
    // A float to integer cast saturates and takes NaN to 0.
    (f32::from_le_bytes(value) * 255.0).round() as u8
}
