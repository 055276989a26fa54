//! Size changes, with the filters and the antialiasing that Pillow has.

use image::{ImageBuffer, Luma, Pixel, Rgb, Rgba, imageops};
use wasmtime::component::{ComponentType, Lift, Lower};

use super::{Image, MediaError, PixelFormat, image::check_size};

/// How a size change picks its samples. All but `Nearest` widen their support when shrinking (antialiasing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub enum Filter {
    /// The nearest pixel.
    #[component(name = "nearest")]
    Nearest,
    /// A triangle, support 1.
    #[component(name = "bilinear")]
    Bilinear,
    /// Catmull-Rom cubic (a = −0.5), support 2.
    #[component(name = "bicubic")]
    Bicubic,
    /// Lanczos, support 3.
    #[component(name = "lanczos")]
    Lanczos,
}

impl Image {
    /// The picture at another size.
    ///
    /// # Errors
    /// [`MediaError::BadArgument`] if a side is 0.
    pub fn resize(&self, width: u32, height: u32, filter: Filter) -> Result<Self, MediaError> {
        check_size(width, height)?;
        if (width, height) == (self.width(), self.height()) {
            return Ok(self.clone());
        }
        let kernel = match filter {
            Filter::Nearest => return nearest(self, width, height),
            Filter::Bilinear => imageops::FilterType::Triangle,
            Filter::Bicubic => imageops::FilterType::CatmullRom,
            Filter::Lanczos => imageops::FilterType::Lanczos3,
        };
        let pixels = match self.format() {
            PixelFormat::Luma8 => filtered::<Luma<u8>>(self, self.pixels(), width, height, kernel)?,
            PixelFormat::Rgb8 => filtered::<Rgb<u8>>(self, self.pixels(), width, height, kernel)?,
            PixelFormat::Rgba8 if is_opaque(self) => {
                filtered::<Rgba<u8>>(self, self.pixels(), width, height, kernel)?
            }
            PixelFormat::Rgba8 => {
                unpremultiplied(&filtered::<Rgba<u16>>(self, &premultiplied(self), width, height, kernel)?)
            }
            PixelFormat::Luma32f => {
                let floats: Vec<f32> =
                    self.pixels().as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value)).collect();
                let resized = filtered::<Luma<f32>>(self, &floats, width, height, kernel)?;
                resized.into_iter().flat_map(f32::to_le_bytes).collect()
            }
        };
        Self::new(self.format(), width, height, pixels)
    }
}

impl Image {
    /// Bytes that [`Image::resize`] needs for itself while it works.
    pub(crate) fn resize_scratch(&self, width: u32, height: u32, filter: Filter) -> u64 {
        let pixels = |width: u32, height: u32| u64::from(width) * u64::from(height);
        if matches!(filter, Filter::Nearest) || (width, height) == (self.width(), self.height()) {
            return 0;
        }
        // Samples in another type, of the source and of the result.
        let sample_bytes: u64 = match self.format() {
            PixelFormat::Luma8 | PixelFormat::Rgb8 => 0,
            PixelFormat::Rgba8 => 8,
            PixelFormat::Luma32f => 4,
        };
        let samples = pixels(self.width(), self.height()).saturating_add(pixels(width, height));
        // Between its two passes, `image` keeps four floats per pixel.
        let between = pixels(self.width(), height).saturating_mul(16);
        samples.saturating_mul(sample_bytes).saturating_add(between)
    }
}

fn filtered<P: Pixel + 'static>(
    image: &Image,
    samples: &[P::Subpixel],
    width: u32,
    height: u32,
    kernel: imageops::FilterType,
) -> Result<Vec<P::Subpixel>, MediaError>
where
    P::Subpixel: 'static,
{
    let view = ImageBuffer::<P, _>::from_raw(image.width(), image.height(), samples)
        .ok_or_else(|| MediaError::Other("the picture is shorter than its size says".to_owned()))?;
    Ok(imageops::resize(&view, width, height, kernel).into_raw())
}

/// Sample positions are pixel centres: `floor((i + 1/2) · from / to)`.
fn nearest(image: &Image, width: u32, height: u32) -> Result<Image, MediaError> {
    let sample = |i: u32, from: u32, to: u32| {
        ((2 * u64::from(i) + 1) * u64::from(from) / (2 * u64::from(to))) as usize
    };
    let pixel = image.format().bytes_per_pixel();
    let stride = image.width() as usize * pixel;
    let mut pixels = Vec::with_capacity(image.format().bytes(width, height) as usize);
    for y in 0..height {
        let start = sample(y, image.height(), height) * stride;
        let row = image.pixels().get(start..start + stride).unwrap_or_default();
        for x in 0..width {
            let start = sample(x, image.width(), width) * pixel;
            pixels.extend_from_slice(row.get(start..start + pixel).unwrap_or_default());
        }
    }
    Image::new(image.format(), width, height, pixels)
}

fn is_opaque(image: &Image) -> bool {
    image.pixels().as_chunks::<4>().0.iter().all(|&[_, _, _, alpha]| alpha == 255)
}

/// Colour × alpha, so that invisible pixels do not bleed into visible ones; 255 · 255 fits 16 bits.
fn premultiplied(image: &Image) -> Vec<u16> {
    let pixels = image.pixels().as_chunks::<4>().0.iter();
    pixels
        .flat_map(|&[r, g, b, a]| {
            let a = u16::from(a);
            [u16::from(r) * a, u16::from(g) * a, u16::from(b) * a, a * 255]
        })
        .collect()
}

fn unpremultiplied(samples: &[u16]) -> Vec<u8> {
    let pixels = samples.as_chunks::<4>().0.iter();
    pixels
        .flat_map(|&[r, g, b, a]| {
            let colour = |value: u16| (u32::from(value) * 255 + u32::from(a) / 2).checked_div(u32::from(a));
            let colour = |value: u16| colour(value).unwrap_or(0).min(255) as u8;
            [colour(r), colour(g), colour(b), ((u32::from(a) + 127) / 255).min(255) as u8]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_colour_stays_at_every_size_and_filter() {
        for (format, pixel) in [
            (PixelFormat::Rgba8, vec![200, 100, 50, 255]),
            (PixelFormat::Rgba8, vec![200, 100, 50, 80]),
            (PixelFormat::Rgb8, vec![200, 100, 50]),
            (PixelFormat::Luma8, vec![77]),
            (PixelFormat::Luma32f, 0.25f32.to_le_bytes().to_vec()),
        ] {
            let image = Image::new(format, 7, 5, pixel.repeat(35)).unwrap();
            for filter in [Filter::Nearest, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
                let resized = image.resize(11, 3, filter).unwrap();
                let resized = resized.convert(PixelFormat::Rgba8).unwrap();
                let expected = image.convert(PixelFormat::Rgba8).unwrap();
                for (a, b) in resized.pixels().iter().zip(expected.pixels()) {
                    assert!(a.abs_diff(*b) <= 1, "{format:?} {filter:?}: {a} instead of {b}");
                }
            }
        }
    }

    #[test]
    fn nearest_takes_pixel_centres() {
        let image = Image::new(PixelFormat::Luma8, 4, 1, vec![1, 2, 3, 4]).unwrap();
        assert_eq!(image.resize(2, 1, Filter::Nearest).unwrap().pixels(), [2, 4]);
        assert_eq!(image.resize(8, 1, Filter::Nearest).unwrap().pixels(), [1, 1, 2, 2, 3, 3, 4, 4]);
    }

    #[test]
    fn shrinking_averages_like_an_antialiased_filter() {
        let stripes: Vec<u8> = (0..64).map(|x| if x % 2 == 0 { 0 } else { 255 }).collect();
        let image = Image::new(PixelFormat::Luma8, 64, 1, stripes).unwrap();
        let small = image.resize(8, 1, Filter::Bilinear).unwrap();
        assert!(small.pixels().iter().all(|value| value.abs_diff(128) < 8), "{:?}", small.pixels());
    }

    /// Numbers from Pillow 13.0, `Image.resize`.
    #[test]
    fn every_filter_gives_what_pillow_gives() {
        let pixels = (0..24u32).map(|i| ((i * 37 + i / 6 * 50) % 256) as u8).collect();
        let image = Image::new(PixelFormat::Luma8, 6, 4, pixels).unwrap();
        let smaller: [(Filter, [u8; 6]); 4] = [
            (Filter::Nearest, [53, 127, 201, 85, 159, 233]),
            (Filter::Bilinear, [37, 104, 170, 63, 130, 196]),
            (Filter::Bicubic, [29, 102, 174, 59, 132, 204]),
            (Filter::Lanczos, [27, 102, 176, 57, 132, 206]),
        ];
        for (filter, expected) in smaller {
            assert_close(&image.resize(3, 2, filter).unwrap(), &expected, &format!("{filter:?} smaller"));
        }
        // Not `Nearest`: where a centre falls on an edge, Pillow's rounding errors decide.
        let first_rows_of_larger: [(Filter, [u8; 9]); 3] = [
            (Filter::Bilinear, [0, 19, 43, 68, 93, 117, 142, 167, 185]),
            (Filter::Bicubic, [0, 14, 42, 67, 92, 116, 141, 169, 186]),
            (Filter::Lanczos, [0, 13, 44, 68, 92, 115, 139, 170, 186]),
        ];
        for (filter, expected) in first_rows_of_larger {
            assert_close(&image.resize(9, 5, filter).unwrap(), &expected, &format!("{filter:?} larger"));
        }
    }

    /// Pillow rounds between its two passes, so a value may differ by one.
    fn assert_close(image: &Image, expected: &[u8], what: &str) {
        let pixels = &image.pixels()[..expected.len()];
        let near = pixels.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 1);
        assert!(near, "{what}: {pixels:?} instead of {expected:?}");
    }

    #[test]
    fn invisible_pixels_do_not_bleed() {
        let image = Image::new(PixelFormat::Rgba8, 2, 1, vec![255, 0, 0, 255, 0, 255, 0, 0]).unwrap();
        let wide = image.resize(4, 1, Filter::Bilinear).unwrap();
        for [_, green, _, alpha] in wide.pixels().as_chunks::<4>().0 {
            assert!(*alpha == 0 || *green == 0, "{:?}", wide.pixels());
        }
    }
}
