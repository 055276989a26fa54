//! Numbers in a shape, for bricks that exchange what is not a picture.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

use super::{Image, MediaError, PixelFormat};
use crate::Digest;

/// The most axes that a tensor may have.
const MAX_AXES: usize = 16;

/// What one element is; little endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ComponentType, Lift, Lower)]
#[serde(rename_all = "lowercase")]
#[component(enum)]
#[repr(u8)]
pub enum Element {
    /// IEEE 754 binary32.
    #[component(name = "float32")]
    Float32,
    /// IEEE 754 binary16.
    #[component(name = "float16")]
    Float16,
    /// The upper half of a binary32.
    #[component(name = "bfloat16")]
    Bfloat16,
    /// Unsigned byte.
    #[component(name = "uint8")]
    Uint8,
    /// Signed 32-bit integer.
    #[component(name = "int32")]
    Int32,
    /// Signed 64-bit integer.
    #[component(name = "int64")]
    Int64,
}

impl Element {
    /// Bytes of one element.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Uint8 => 1,
            Self::Float16 | Self::Bfloat16 => 2,
            Self::Float32 | Self::Int32 => 4,
            Self::Int64 => 8,
        }
    }

    /// The byte that stands for the element in digests. Never change one.
    const fn tag(self) -> u8 {
        match self {
            Self::Float32 => 0,
            Self::Float16 => 1,
            Self::Bfloat16 => 2,
            Self::Uint8 => 3,
            Self::Int32 => 4,
            Self::Int64 => 5,
        }
    }
}

/// Order of the axes of an image tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub enum Layout {
    /// Channels, height, width.
    #[component(name = "chw")]
    Chw,
    /// Height, width, channels.
    #[component(name = "hwc")]
    Hwc,
}

/// An immutable block of numbers, row-major. Cloning shares the numbers.
#[derive(Clone)]
pub struct Tensor(Arc<Shared>);

struct Shared {
    shape: Vec<u32>,
    element: Element,
    data: Arc<Vec<u8>>,
    digest: OnceLock<Digest>,
}

impl Tensor {
    /// Takes over `data`, which must be exactly the product of `shape` elements. No shape is a single number.
    ///
    /// # Errors
    /// [`MediaError::BadArgument`] if the number of bytes does not fit the shape or there are over 16 axes.
    pub fn new(shape: Vec<u32>, element: Element, data: Vec<u8>) -> Result<Self, MediaError> {
        if shape.len() > MAX_AXES {
            return Err(MediaError::BadArgument(format!(
                "a tensor has at most {MAX_AXES} axes, but {} were given",
                shape.len()
            )));
        }
        let bytes = shape.iter().try_fold(element.bytes(), |bytes, &side| bytes.checked_mul(u64::from(side)));
        if bytes != Some(data.len() as u64) {
            return Err(MediaError::BadArgument(format!(
                "{} bytes do not fill a tensor of shape {shape:?} and element {element:?}",
                data.len()
            )));
        }
        let data = Arc::new(data);
        Ok(Self(Arc::new(Shared { shape, element, data, digest: OnceLock::new() })))
    }

    /// Length of each axis.
    pub fn shape(&self) -> &[u32] {
        &self.0.shape
    }

    /// What one element is.
    pub fn element(&self) -> Element {
        self.0.element
    }

    /// All numbers, little endian, row-major.
    pub fn data(&self) -> &[u8] {
        &self.0.data
    }

    /// The same buffer, for handing all numbers to a brick with a single copy.
    pub(crate) fn shared_data(&self) -> Arc<Vec<u8>> {
        Arc::clone(&self.0.data)
    }

    /// BLAKE3 over the element's tag byte, the number of axes and their lengths (u32, little endian) and the data.
    pub fn digest(&self) -> Digest {
        *self.0.digest.get_or_init(|| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&[self.0.element.tag()]);
            hasher.update(&(self.0.shape.len() as u32).to_le_bytes());
            for side in &self.0.shape {
                hasher.update(&side.to_le_bytes());
            }
            hasher.update(&self.0.data);
            hasher.finalize().into()
        })
    }

    /// A number that is equal for handles on the same buffer, for as long as one of them lives.
    pub(crate) fn buffer_id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// `length` bytes from byte `offset`.
    ///
    /// # Errors
    /// [`MediaError::BadArgument`] if they lie outside the data.
    pub fn read(&self, offset: u64, length: u64) -> Result<&[u8], MediaError> {
        let range = usize::try_from(offset).ok().zip(usize::try_from(length).ok());
        range.and_then(|(start, length)| self.data().get(start..start.checked_add(length)?)).ok_or_else(
            || {
                MediaError::BadArgument(format!(
                    "{length} bytes from {offset} do not lie inside the tensor's {} bytes",
                    self.data().len()
                ))
            },
        )
    }

    /// The pixels as float32 in 0..1, one plane or sample per channel.
    pub fn from_image(source: &Image, layout: Layout) -> Result<Self, MediaError> {
        let channels = source.format().channels();
        let samples: Vec<f32> = match source.format() {
            PixelFormat::Luma32f => floats(source.pixels()).collect(),
            _ => source.pixels().iter().map(|&value| f32::from(value) / 255.0).collect(),
        };
        let (height, width) = (source.height(), source.width());
        let (shape, data) = match layout {
            Layout::Hwc => (vec![height, width, channels as u32], bytes(samples.iter())),
            Layout::Chw => {
                let planes = (0..channels).flat_map(|channel| samples.iter().skip(channel).step_by(channels));
                (vec![channels as u32, height, width], bytes(planes))
            }
        };
        Self::new(shape, Element::Float32, data)
    }

    /// Format, width and height of the picture that [`Tensor::to_image`] makes.
    ///
    /// # Errors
    /// Those of [`Tensor::to_image`].
    pub fn image_size(&self, layout: Layout) -> Result<(PixelFormat, u32, u32), MediaError> {
        let (channels, height, width) = match (self.shape(), layout) {
            (&[channels, height, width], Layout::Chw) | (&[height, width, channels], Layout::Hwc) => {
                (channels, height, width)
            }
            (shape, _) => {
                return Err(MediaError::BadArgument(format!(
                    "an image tensor has three axes, this one is {shape:?}"
                )));
            }
        };
        let format = match (self.element(), channels) {
            (Element::Float32, 1) => PixelFormat::Luma8,
            (Element::Float32, 3) => PixelFormat::Rgb8,
            (Element::Float32, 4) => PixelFormat::Rgba8,
            (element, channels) => {
                return Err(MediaError::BadArgument(format!(
                    "an image tensor has float32 elements and 1, 3 or 4 channels, this one has {element:?} and {channels}"
                )));
            }
        };
        Ok((format, width, height))
    }

    /// The way back: float32 in 0..1 (clamped) with 1 (luma8), 3 (rgb8) or 4 (rgba8) channels.
    ///
    /// # Errors
    /// [`MediaError::BadArgument`] if element, number of axes or channels are others.
    pub fn to_image(&self, layout: Layout) -> Result<Image, MediaError> {
        let (format, width, height) = self.image_size(layout)?;
        let samples: Vec<u8> = floats(self.data()).map(|value| (value * 255.0).round() as u8).collect();
        let pixels = match layout {
            Layout::Hwc => samples,
            Layout::Chw => {
                let plane = width as usize * height as usize;
                (0..plane)
                    .flat_map(|start| samples.iter().skip(start).step_by(plane.max(1)).copied())
                    .collect()
            }
        };
        Image::new(format, width, height, pixels)
    }
}

fn floats(data: &[u8]) -> impl Iterator<Item = f32> {
    data.as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value))
}

fn bytes<'a>(samples: impl Iterator<Item = &'a f32>) -> Vec<u8> {
    samples.flat_map(|value| value.to_le_bytes()).collect()
}

impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.element() == other.element()
                && self.shape() == other.shape()
                && self.data() == other.data())
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({:?} {:?})", self.element(), self.shape())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_survive_the_way_through_a_tensor_in_both_layouts() {
        for (format, channels) in [(PixelFormat::Rgba8, 4), (PixelFormat::Rgb8, 3), (PixelFormat::Luma8, 1)] {
            let pixels = (0..5 * 3 * channels).map(|i| (i * 37 % 256) as u8).collect();
            let image = Image::new(format, 5, 3, pixels).unwrap();
            for layout in [Layout::Chw, Layout::Hwc] {
                let tensor = Tensor::from_image(&image, layout).unwrap();
                assert_eq!(tensor.to_image(layout).unwrap(), image, "{format:?} {layout:?}");
            }
        }
    }

    #[test]
    fn planes_come_one_after_the_other_in_chw() {
        let image = Image::new(PixelFormat::Rgb8, 2, 1, vec![255, 0, 0, 255, 0, 255]).unwrap();
        let tensor = Tensor::from_image(&image, Layout::Chw).unwrap();
        assert_eq!(tensor.shape(), [3, 1, 2]);
        assert_eq!(floats(tensor.data()).collect::<Vec<_>>(), [1.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn shapes_that_do_not_fit_the_data_are_refused() {
        assert!(Tensor::new(vec![2, 3], Element::Int64, vec![0; 47]).is_err());
        assert!(Tensor::new(vec![u32::MAX; 16], Element::Int64, vec![]).is_err());
        assert!(Tensor::new(vec![1; 17], Element::Uint8, vec![0]).is_err());
    }

    #[test]
    fn reads_outside_the_data_are_refused() {
        let tensor = Tensor::new(vec![4], Element::Uint8, vec![1, 2, 3, 4]).unwrap();
        assert_eq!(tensor.read(1, 2).unwrap(), [2, 3]);
        assert!(tensor.read(3, 2).is_err());
        assert!(tensor.read(u64::MAX, 2).is_err());
    }
}
