//! Picture files: reading what people bring and writing what they keep.

use std::io::Cursor;

use image::{
    ColorType, DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError, ImageFormat,
    ImageReader,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
        webp::WebPEncoder,
    },
};
use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

use super::{Image, MediaError, PixelFormat, convert};

const READABLE: &str = "png, jpeg, webp, gif and bmp can be read";

/// Encodings for files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ComponentType, Lift, Lower)]
#[serde(rename_all = "lowercase")]
#[component(enum)]
#[repr(u8)]
pub enum Container {
    /// Lossless; luma32f is kept with 16 bits.
    #[component(name = "png")]
    Png,
    /// Lossy; transparency is laid over white.
    #[component(name = "jpeg")]
    Jpeg,
    /// Lossless WebP.
    #[component(name = "webp")]
    Webp,
}

impl Container {
    /// The usual file name extension, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }

    /// The media type (RFC 6838).
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

/// What a file may unpack to.
#[derive(Debug, Clone, Copy)]
pub struct DecodeLimits {
    /// Longest side in pixels.
    pub max_side: u32,
    /// Most bytes of pixels, counted in the file's own bit depth.
    pub max_bytes: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { max_side: 8192, max_bytes: 512 << 20 }
    }
}

/// Reads a png, jpeg, webp, gif or bmp file: the first frame, turned upright by its EXIF orientation. Gives rgba8 if
/// the file has an alpha channel, luma8 if it is grey, else rgb8; 16-bit channels are rounded to 8, CMYK is converted.
///
/// # Errors
/// [`MediaError::Unsupported`] for other files, [`MediaError::BadArgument`] for damaged ones and for sides over
/// `limits.max_side`, [`MediaError::TooLarge`] for too many bytes.
pub fn decode(file: &[u8], limits: DecodeLimits) -> Result<Image, MediaError> {
    let mut decoder = reader(file, limits)?.into_decoder().map_err(decode_error)?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > limits.max_side {
        return Err(MediaError::BadArgument(format!(
            "the picture is {width}×{height}, but at most {0}×{0} is allowed; make it smaller or raise `max_side` under [limits] in qpyt.toml",
            limits.max_side
        )));
    }
    if decoder.total_bytes() > limits.max_bytes {
        return Err(MediaError::TooLarge(decoder.total_bytes()));
    }
    let orientation = decoder.orientation().map_err(decode_error)?;
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(decode_error)?;
    decoded.apply_orientation(orientation);
    from_decoded(decoded)
}

fn reader(file: &[u8], limits: DecodeLimits) -> Result<ImageReader<Cursor<&[u8]>>, MediaError> {
    let mut reader = ImageReader::new(Cursor::new(file))
        .with_guessed_format()
        .map_err(|error| MediaError::BadArgument(format!("the file can't be read: {error}")))?;
    match reader.format() {
        Some(
            ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Gif | ImageFormat::Bmp,
        ) => {}
        Some(other) => {
            return Err(MediaError::Unsupported(format!("this is a {} file; {READABLE}", name(other))));
        }
        None => return Err(MediaError::Unsupported(format!("this is no picture file; {READABLE}"))),
    }
    let mut allocation = image::Limits::default();
    // Decoders need scratch space beside the pixels themselves.
    allocation.max_alloc = Some(limits.max_bytes.saturating_mul(2));
    reader.limits(allocation);
    Ok(reader)
}

fn name(format: ImageFormat) -> &'static str {
    format.extensions_str().first().copied().unwrap_or("different")
}

fn decode_error(error: ImageError) -> MediaError {
    match error {
        ImageError::Unsupported(error) => MediaError::Unsupported(format!("{error}; {READABLE}")),
        ImageError::Limits(error) => {
            MediaError::BadArgument(format!("the file unpacks to too much: {error}"))
        }
        error => MediaError::BadArgument(format!("the file is damaged: {error}")),
    }
}

fn from_decoded(decoded: DynamicImage) -> Result<Image, MediaError> {
    let (width, height) = (decoded.width(), decoded.height());
    let color = decoded.color();
    let (format, pixels) = match color {
        _ if color.has_alpha() => (PixelFormat::Rgba8, decoded.into_rgba8().into_raw()),
        ColorType::L8 | ColorType::L16 => (PixelFormat::Luma8, decoded.into_luma8().into_raw()),
        _ => (PixelFormat::Rgb8, decoded.into_rgb8().into_raw()),
    };
    Image::new(format, width, height, pixels)
}

/// The picture as a file. `quality` 1..100 is used by jpeg only.
///
/// # Errors
/// [`MediaError::BadArgument`] if `quality` is out of range or the container can't hold the size (webp: 16383 a side,
/// jpeg: 65535).
pub fn encode(image: &Image, container: Container, quality: u8) -> Result<Vec<u8>, MediaError> {
    if !(1..=100).contains(&quality) {
        return Err(MediaError::BadArgument(format!("quality must be in 1..100, but it is {quality}")));
    }
    let (color, pixels) = encodable(image, container)?;
    let (width, height) = (image.width(), image.height());
    let mut file = Vec::new();
    let written = match container {
        Container::Png => PngEncoder::new(&mut file).write_image(&pixels, width, height, color),
        Container::Jpeg => {
            JpegEncoder::new_with_quality(&mut file, quality).write_image(&pixels, width, height, color)
        }
        Container::Webp => WebPEncoder::new_lossless(&mut file).write_image(&pixels, width, height, color),
    };
    written.map_err(|error| {
        MediaError::BadArgument(format!("this {width}×{height} picture can't be written: {error}"))
    })?;
    Ok(file)
}

/// The picture as a PNG file that is quick to write and to read rather than small: for those that are looked at once,
/// on the same machine.
///
/// # Errors
/// [`MediaError::BadArgument`] if the picture can't be written.
pub fn encode_quickly(image: &Image) -> Result<Vec<u8>, MediaError> {
    let (color, pixels) = encodable(image, Container::Png)?;
    let mut file = Vec::with_capacity(pixels.len() + (64 << 10));
    PngEncoder::new_with_quality(&mut file, CompressionType::Uncompressed, FilterType::NoFilter)
        .write_image(&pixels, image.width(), image.height(), color)
        .map_err(|error| MediaError::BadArgument(format!("this picture can't be written: {error}")))?;
    Ok(file)
}

/// Bytes that [`encode`] needs while it works, its result included.
pub(crate) fn encode_scratch(image: &Image) -> u64 {
    // A copy in a form that the container can hold, and the file, which noise can make a little larger than that.
    (image.pixels().len() as u64).saturating_mul(5) / 2 + (64 << 10)
}

/// The pixels in a form that the container can hold.
fn encodable(
    image: &Image,
    container: Container,
) -> Result<(ExtendedColorType, std::borrow::Cow<'_, [u8]>), MediaError> {
    Ok(match (image.format(), container) {
        (PixelFormat::Rgba8, Container::Jpeg) => (ExtendedColorType::Rgb8, over_white(image).into()),
        (PixelFormat::Rgba8, _) => (ExtendedColorType::Rgba8, image.pixels().into()),
        (PixelFormat::Rgb8, _) => (ExtendedColorType::Rgb8, image.pixels().into()),
        (PixelFormat::Luma8, _) => (ExtendedColorType::L8, image.pixels().into()),
        (PixelFormat::Luma32f, Container::Png) => (ExtendedColorType::L16, sixteen_bits(image).into()),
        (PixelFormat::Luma32f, _) => {
            let mut pixels = Vec::with_capacity(image.pixels().len() / 4);
            convert::append(image.pixels(), PixelFormat::Luma32f, PixelFormat::Luma8, &mut pixels);
            (ExtendedColorType::L8, pixels.into())
        }
    })
}

fn over_white(image: &Image) -> Vec<u8> {
    let pixels = image.pixels().as_chunks::<4>().0.iter();
    pixels
        .flat_map(|&[r, g, b, a]| {
            let a = u32::from(a);
            [r, g, b].map(|value| ((u32::from(value) * a + 255 * (255 - a) + 127) / 255) as u8)
        })
        .collect()
}

/// The encoder takes 16-bit samples in native byte order.
fn sixteen_bits(image: &Image) -> Vec<u8> {
    let values = image.pixels().as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value));
    values.flat_map(|value| ((value * 65535.0).round() as u16).to_ne_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(format: PixelFormat) -> Image {
        let pixels = (0..format.bytes(9, 6)).map(|i| (i * 29 % 256) as u8).collect();
        Image::new(format, 9, 6, pixels).unwrap()
    }

    #[test]
    fn what_is_written_quickly_is_read_as_it_was() {
        let pixels = (0..40 * 30 * 4).map(|at| (at * 7 % 251) as u8).collect();
        let image = Image::new(PixelFormat::Rgba8, 40, 30, pixels).unwrap();
        assert_eq!(decode(&encode_quickly(&image).unwrap(), DecodeLimits::default()).unwrap(), image);
    }

    #[test]
    fn lossless_containers_give_back_the_same_pixels() {
        for format in [PixelFormat::Rgba8, PixelFormat::Rgb8, PixelFormat::Luma8] {
            let image = picture(format);
            let png = encode(&image, Container::Png, 90).unwrap();
            assert_eq!(decode(&png, DecodeLimits::default()).unwrap(), image, "png {format:?}");
            let webp = encode(&image, Container::Webp, 90).unwrap();
            let back = decode(&webp, DecodeLimits::default()).unwrap().convert(format).unwrap();
            assert_eq!(back, image, "webp {format:?}");
        }
    }

    #[test]
    fn jpeg_lays_transparency_over_white() {
        let image = Image::new(PixelFormat::Rgba8, 8, 8, [10, 20, 30, 0].repeat(64)).unwrap();
        let back = decode(&encode(&image, Container::Jpeg, 95).unwrap(), DecodeLimits::default()).unwrap();
        assert!(back.pixels().iter().all(|&value| value > 250));
    }

    #[test]
    fn floats_are_written_with_16_bits_and_read_with_8() {
        let half = 0.5f32.to_le_bytes();
        let image = Image::new(PixelFormat::Luma32f, 2, 1, half.repeat(2)).unwrap();
        let back = decode(&encode(&image, Container::Png, 90).unwrap(), DecodeLimits::default()).unwrap();
        assert_eq!((back.format(), back.pixels()), (PixelFormat::Luma8, [128, 128].as_slice()));
    }

    #[test]
    fn a_jpeg_is_turned_upright() {
        let mut pixels = vec![0; 16 * 8 * 3];
        for row in pixels.chunks_exact_mut(16 * 3) {
            row[..8 * 3].fill(255);
        }
        let sideways = Image::new(PixelFormat::Rgb8, 16, 8, pixels).unwrap();
        let plain = encode(&sideways, Container::Jpeg, 95).unwrap();
        // An APP1 segment with one EXIF entry: orientation 6 (the camera was turned clockwise).
        let exif: &[u8] =
            b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let file = [&plain[..2], exif, &plain[2..]].concat();
        let upright = decode(&file, DecodeLimits::default()).unwrap();
        assert_eq!((upright.width(), upright.height()), (8, 16));
        assert!(upright.pixels()[0] > 200 && *upright.pixels().last().unwrap() < 50);
    }

    #[test]
    fn files_that_are_no_pictures_are_refused_with_what_can_be_read() {
        let message = decode(b"hello, this is text", DecodeLimits::default()).unwrap_err().to_string();
        assert!(message.contains("png, jpeg, webp, gif and bmp"), "{message}");
        let message =
            decode(b"II*\0\x08\0\0\0\0\0\0\0\0\0\0\0", DecodeLimits::default()).unwrap_err().to_string();
        assert!(message.contains("tif"), "{message}");
    }

    #[test]
    fn damaged_files_are_refused() {
        let mut png = encode(&picture(PixelFormat::Rgb8), Container::Png, 90).unwrap();
        png.truncate(png.len() / 2);
        assert!(matches!(decode(&png, DecodeLimits::default()), Err(MediaError::BadArgument(_))));
    }

    #[test]
    fn files_that_unpack_to_too_much_are_refused_before_they_are_unpacked() {
        let png = encode(&picture(PixelFormat::Rgb8), Container::Png, 90).unwrap();
        let narrow = decode(&png, DecodeLimits { max_side: 8, ..DecodeLimits::default() }).unwrap_err();
        assert!(narrow.to_string().contains("9×6"), "{narrow}");
        let small = decode(&png, DecodeLimits { max_bytes: 100, ..DecodeLimits::default() });
        assert_eq!(small, Err(MediaError::TooLarge(162)));
    }
}
