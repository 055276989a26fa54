//! The immutable image: pixels, their format and size, and a digest that names them.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

use super::{MediaError, convert};
use crate::Digest;

/// How one pixel is stored. Rows run top to bottom, pixels left to right, without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ComponentType, Lift, Lower)]
#[serde(rename_all = "lowercase")]
#[component(enum)]
#[repr(u8)]
pub enum PixelFormat {
    /// sRGB red, green, blue and straight alpha; 4 bytes.
    #[component(name = "rgba8")]
    Rgba8,
    /// sRGB red, green, blue; 3 bytes.
    #[component(name = "rgb8")]
    Rgb8,
    /// One grey channel; 1 byte. Masks use it: 255 is "in".
    #[component(name = "luma8")]
    Luma8,
    /// One little-endian 32-bit float, 0..1; 4 bytes. Depth maps use it.
    #[component(name = "luma32f")]
    Luma32f,
}

impl PixelFormat {
    /// Bytes of one pixel.
    pub const fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Rgba8 | Self::Luma32f => 4,
            Self::Rgb8 => 3,
            Self::Luma8 => 1,
        }
    }

    /// Channels of one pixel.
    pub const fn channels(self) -> usize {
        match self {
            Self::Rgba8 => 4,
            Self::Rgb8 => 3,
            Self::Luma8 | Self::Luma32f => 1,
        }
    }

    /// Bytes of a `width` × `height` picture.
    pub const fn bytes(self, width: u32, height: u32) -> u64 {
        // Two u32 multiply to less than 2^64; times four may not, hence saturating.
        (width as u64 * height as u64).saturating_mul(self.bytes_per_pixel() as u64)
    }

    /// The byte that stands for the format in digests. Never change one: stored digests depend on it.
    const fn tag(self) -> u8 {
        match self {
            Self::Rgba8 => 0,
            Self::Rgb8 => 1,
            Self::Luma8 => 2,
            Self::Luma32f => 3,
        }
    }
}

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Rect {
    /// Distance of the left edge from the picture's left edge.
    pub x: u32,
    /// Distance of the top edge from the picture's top edge.
    pub y: u32,
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
}

impl Rect {
    /// The whole of a `width` × `height` picture.
    pub const fn whole(width: u32, height: u32) -> Self {
        Self { x: 0, y: 0, width, height }
    }

    /// Fails unless this lies inside a `width` × `height` picture and is not empty.
    pub fn check_inside(&self, width: u32, height: u32) -> Result<(), MediaError> {
        let fits = |start: u32, length: u32, side: u32| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= side)
        };
        if fits(self.x, self.width, width) && fits(self.y, self.height, height) {
            return Ok(());
        }
        Err(MediaError::BadArgument(format!(
            "the rectangle {}×{} at ({}, {}) does not lie inside the {width}×{height} picture",
            self.width, self.height, self.x, self.y
        )))
    }
}

/// An immutable picture. Cloning shares the pixels.
#[derive(Clone)]
pub struct Image(Arc<Shared>);

struct Shared {
    format: PixelFormat,
    width: u32,
    height: u32,
    pixels: Arc<Vec<u8>>,
    digest: OnceLock<Digest>,
}

impl Image {
    /// Takes over `pixels`, which must be exactly `width` × `height` pixels of `format`.
    ///
    /// # Errors
    /// [`MediaError::BadArgument`] if a side is 0 or the number of bytes does not fit the size.
    pub fn new(format: PixelFormat, width: u32, height: u32, pixels: Vec<u8>) -> Result<Self, MediaError> {
        check_size(width, height)?;
        let expected = format.bytes(width, height);
        if pixels.len() as u64 != expected {
            return Err(MediaError::BadArgument(format!(
                "a {width}×{height} picture of format {format:?} has {expected} bytes, but {} were given",
                pixels.len()
            )));
        }
        let pixels = Arc::new(pixels);
        Ok(Self(Arc::new(Shared { format, width, height, pixels, digest: OnceLock::new() })))
    }

    /// How the pixels are stored.
    pub fn format(&self) -> PixelFormat {
        self.0.format
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.0.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.0.height
    }

    /// All pixels, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.0.pixels
    }

    /// The same buffer, for handing all pixels to a brick with a single copy.
    pub(crate) fn shared_pixels(&self) -> Arc<Vec<u8>> {
        Arc::clone(&self.0.pixels)
    }

    /// BLAKE3 over the format's tag byte, width and height (u32, little endian) and the pixels. Computed when first
    /// asked for, then kept.
    pub fn digest(&self) -> Digest {
        *self.0.digest.get_or_init(|| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&[self.0.format.tag()]);
            hasher.update(&self.0.width.to_le_bytes());
            hasher.update(&self.0.height.to_le_bytes());
            hasher.update(&self.0.pixels);
            hasher.finalize().into()
        })
    }

    /// True if both handles share one buffer.
    pub fn shares_pixels_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A number that is equal for handles on the same buffer, for as long as one of them lives.
    pub(crate) fn buffer_id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// The part inside `area`.
    ///
    /// # Errors
    /// [`MediaError::BadArgument`] if `area` is empty or not inside the picture.
    pub fn crop(&self, area: Rect) -> Result<Self, MediaError> {
        if area == Rect::whole(self.width(), self.height()) {
            return Ok(self.clone());
        }
        let pixels = self.read(area, self.format())?;
        Self::new(self.format(), area.width, area.height, pixels)
    }

    /// The picture in another format. Grey is ITU-R BT.601 luma of the sRGB values, as Pillow has it; alpha is dropped
    /// or added as opaque; floats are the integer value over 255.
    pub fn convert(&self, format: PixelFormat) -> Result<Self, MediaError> {
        if format == self.format() {
            return Ok(self.clone());
        }
        let pixels = self.read(Rect::whole(self.width(), self.height()), format)?;
        Self::new(format, self.width(), self.height(), pixels)
    }

    /// The pixels of `area` in `format`, row by row.
    ///
    /// # Errors
    /// [`MediaError::BadArgument`] if `area` is empty or not inside the picture.
    pub fn read(&self, area: Rect, format: PixelFormat) -> Result<Vec<u8>, MediaError> {
        area.check_inside(self.width(), self.height())?;
        let mut out = Vec::with_capacity(format.bytes(area.width, area.height) as usize);
        for row in self.rows(area) {
            convert::append(row, self.format(), format, &mut out);
        }
        Ok(out)
    }

    /// The rows of `area`, which lies inside the picture.
    fn rows(&self, area: Rect) -> impl Iterator<Item = &[u8]> {
        let pixel = self.format().bytes_per_pixel();
        let stride = self.width() as usize * pixel;
        let (start, length) = (area.x as usize * pixel, area.width as usize * pixel);
        self.pixels()
            .chunks_exact(stride)
            .skip(area.y as usize)
            .take(area.height as usize)
            .filter_map(move |row| row.get(start..start + length))
    }

    /// Lays `top` (same size) over this picture: source-over with straight alpha (Porter and Duff), the coverage
    /// being top's alpha × `opacity` × `mask` (luma8, same size, white is "in"). The format stays.
    ///
    /// # Errors
    /// [`MediaError::BadArgument`] if the sizes differ, `opacity` is not in 0..1 or the mask is not luma8.
    pub fn blend(&self, top: &Self, opacity: f32, mask: Option<&Self>) -> Result<Self, MediaError> {
        if !(0.0..=1.0).contains(&opacity) {
            return Err(MediaError::BadArgument(format!("opacity must be in 0..1, but it is {opacity}")));
        }
        self.check_same_size("top", top)?;
        if let Some(mask) = mask {
            self.check_same_size("mask", mask)?;
            if mask.format() != PixelFormat::Luma8 {
                return Err(MediaError::BadArgument(format!(
                    "a mask must be luma8, but it is {:?}; convert it first",
                    mask.format()
                )));
            }
        }
        let pixels = if self.format() == PixelFormat::Luma32f {
            blend_floats(self, &top.convert(PixelFormat::Luma32f)?, opacity, mask)
        } else {
            let base = self.convert(PixelFormat::Rgba8)?;
            let blended = blend_rgba(&base, &top.convert(PixelFormat::Rgba8)?, opacity, mask);
            let mut out = Vec::with_capacity(self.pixels().len());
            convert::append(&blended, PixelFormat::Rgba8, self.format(), &mut out);
            out
        };
        Self::new(self.format(), self.width(), self.height(), pixels)
    }

    fn check_same_size(&self, name: &str, other: &Self) -> Result<(), MediaError> {
        if (self.width(), self.height()) == (other.width(), other.height()) {
            return Ok(());
        }
        Err(MediaError::BadArgument(format!(
            "{name} is {}×{}, but the picture is {}×{}; resize it first",
            other.width(),
            other.height(),
            self.width(),
            self.height()
        )))
    }
}

/// Pixels and format decide, not the handle.
impl PartialEq for Image {
    fn eq(&self, other: &Self) -> bool {
        self.shares_pixels_with(other)
            || (self.format() == other.format()
                && self.width() == other.width()
                && self.height() == other.height()
                && self.pixels() == other.pixels())
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({:?} {}×{})", self.format(), self.width(), self.height())
    }
}

/// Fails if a side is 0.
pub(super) fn check_size(width: u32, height: u32) -> Result<(), MediaError> {
    if width > 0 && height > 0 {
        return Ok(());
    }
    Err(MediaError::BadArgument(format!(
        "a picture needs at least one pixel, but {width}×{height} was asked for"
    )))
}

/// Coverage 0..1 of every pixel.
fn coverage(mask: Option<&Image>, opacity: f32) -> impl Iterator<Item = f32> {
    let masked = mask.map(|mask| mask.pixels().iter().map(move |&value| f32::from(value) / 255.0 * opacity));
    let flat = mask.is_none().then(|| std::iter::repeat(opacity));
    masked.into_iter().flatten().chain(flat.into_iter().flatten())
}

fn blend_rgba(base: &Image, top: &Image, opacity: f32, mask: Option<&Image>) -> Vec<u8> {
    let mut out = Vec::with_capacity(base.pixels().len());
    let pixels = base.pixels().as_chunks::<4>().0.iter().zip(top.pixels().as_chunks::<4>().0);
    for ((&[br, bg, bb, ba], &[tr, tg, tb, ta]), cover) in pixels.zip(coverage(mask, opacity)) {
        let top_alpha = f32::from(ta) / 255.0 * cover;
        let base_alpha = f32::from(ba) / 255.0 * (1.0 - top_alpha);
        let alpha = top_alpha + base_alpha;
        let mix = |base: u8, top: u8| {
            if alpha <= 0.0 {
                return base;
            }
            ((f32::from(top) * top_alpha + f32::from(base) * base_alpha) / alpha).round() as u8
        };
        out.extend_from_slice(&[mix(br, tr), mix(bg, tg), mix(bb, tb), (alpha * 255.0).round() as u8]);
    }
    out
}

fn blend_floats(base: &Image, top: &Image, opacity: f32, mask: Option<&Image>) -> Vec<u8> {
    let mut out = Vec::with_capacity(base.pixels().len());
    let pixels = base.pixels().as_chunks::<4>().0.iter().zip(top.pixels().as_chunks::<4>().0);
    for ((&base, &top), cover) in pixels.zip(coverage(mask, opacity)) {
        let (base, top) = (f32::from_le_bytes(base), f32::from_le_bytes(top));
        out.extend_from_slice(&(base + (top - base) * cover).to_le_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checker(width: u32, height: u32) -> Image {
        let pixels =
            (0..width * height).flat_map(|i| [i as u8, (i * 7) as u8, (i * 13) as u8, 255]).collect();
        Image::new(PixelFormat::Rgba8, width, height, pixels).unwrap()
    }

    #[test]
    fn equal_pixels_have_equal_digests_and_other_sizes_do_not() {
        let tall = Image::new(PixelFormat::Luma8, 2, 8, vec![7; 16]).unwrap();
        let same = Image::new(PixelFormat::Luma8, 2, 8, vec![7; 16]).unwrap();
        let wide = Image::new(PixelFormat::Luma8, 8, 2, vec![7; 16]).unwrap();
        let floats = Image::new(PixelFormat::Luma32f, 2, 2, vec![7; 16]).unwrap();
        let rgba = Image::new(PixelFormat::Rgba8, 2, 2, vec![7; 16]).unwrap();
        assert_eq!(tall.digest(), same.digest());
        assert_ne!(tall.digest(), wide.digest());
        assert_ne!(floats.digest(), rgba.digest());
    }

    #[test]
    fn a_wrong_number_of_bytes_is_refused() {
        assert!(matches!(Image::new(PixelFormat::Rgb8, 2, 2, vec![0; 11]), Err(MediaError::BadArgument(_))));
        assert!(matches!(Image::new(PixelFormat::Rgb8, 0, 2, vec![]), Err(MediaError::BadArgument(_))));
    }

    #[test]
    fn cropping_takes_the_rectangle() {
        let image = checker(5, 4);
        let part = image.crop(Rect { x: 1, y: 2, width: 2, height: 2 }).unwrap();
        let expected: Vec<u8> =
            [11u32, 12, 16, 17].iter().flat_map(|i| [*i as u8, (i * 7) as u8, (i * 13) as u8, 255]).collect();
        assert_eq!(part.pixels(), expected);
        assert!(image.crop(Rect::whole(5, 4)).unwrap().shares_pixels_with(&image));
    }

    #[test]
    fn rectangles_outside_the_picture_are_refused() {
        let image = checker(5, 4);
        for area in [
            Rect { x: 4, y: 0, width: 2, height: 1 },
            Rect { x: 0, y: 0, width: 0, height: 1 },
            Rect { x: u32::MAX, y: 0, width: 2, height: 1 },
        ] {
            assert!(image.read(area, PixelFormat::Rgba8).is_err(), "{area:?} was read");
        }
    }

    #[test]
    fn grey_follows_bt_601() {
        let image =
            Image::new(PixelFormat::Rgb8, 4, 1, vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]).unwrap();
        assert_eq!(image.convert(PixelFormat::Luma8).unwrap().pixels(), [76, 150, 29, 9]);
    }

    #[test]
    fn blending_mixes_by_mask_and_opacity() {
        let base = Image::new(PixelFormat::Rgb8, 3, 1, vec![0; 9]).unwrap();
        let top = Image::new(PixelFormat::Rgb8, 3, 1, vec![200; 9]).unwrap();
        let mask = Image::new(PixelFormat::Luma8, 3, 1, vec![0, 51, 255]).unwrap();
        let mixed = base.blend(&top, 0.5, Some(&mask)).unwrap();
        assert_eq!(mixed.pixels(), [0, 0, 0, 20, 20, 20, 100, 100, 100]);
    }

    #[test]
    fn blending_keeps_the_colour_where_the_base_is_transparent() {
        let base = Image::new(PixelFormat::Rgba8, 1, 1, vec![0, 0, 0, 0]).unwrap();
        let top = Image::new(PixelFormat::Rgba8, 1, 1, vec![90, 60, 30, 128]).unwrap();
        assert_eq!(base.blend(&top, 1.0, None).unwrap().pixels(), [90, 60, 30, 128]);
    }

    #[test]
    fn blending_pictures_of_other_sizes_is_refused() {
        let message = checker(2, 2).blend(&checker(3, 2), 1.0, None).unwrap_err().to_string();
        assert!(message.contains("3×2") && message.contains("resize"), "{message}");
    }
}
