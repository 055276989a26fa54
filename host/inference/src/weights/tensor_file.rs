//! An open weight file of any format that is read: tensors by name, each a range of bytes in a memory map.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use memmap2::Mmap;
use rayon::prelude::*;

use super::config::open_file;
use super::{BrokenFile, Loaded, onnx, safetensors, torch};
use crate::tensor::half_to_f32;

/// Most dimensions a tensor may have.
const MAX_RANK: usize = 8;
/// Elements that one task converts.
const CHUNK: usize = 1 << 16;

/// How numbers are stored in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[allow(missing_docs, reason = "the names are those of the format")]
pub enum StoredType {
    BOOL,
    U8,
    I8,
    #[serde(rename = "F8_E5M2")]
    F8E5M2,
    #[serde(rename = "F8_E4M3")]
    F8E4M3,
    U16,
    I16,
    F16,
    BF16,
    U32,
    I32,
    F32,
    U64,
    I64,
    F64,
}

impl StoredType {
    /// Bytes per element.
    pub fn size(self) -> usize {
        match self {
            Self::BOOL | Self::U8 | Self::I8 | Self::F8E5M2 | Self::F8E4M3 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// True for the types that model weights are read from.
    pub fn is_weight(self) -> bool {
        matches!(self, Self::F16 | Self::BF16 | Self::F32 | Self::F64)
    }
}

/// What the header says of one tensor.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct TensorEntry {
    /// How its numbers are stored.
    pub dtype: StoredType,
    /// Its dimensions, outermost first.
    pub shape: Vec<usize>,
    /// First byte and the byte after the last, counted from the end of the header.
    pub data_offsets: (usize, usize),
}

impl TensorEntry {
    /// Bytes that the type and the shape ask for, or what is wrong with the shape.
    pub(super) fn size(&self) -> Result<usize, String> {
        if self.shape.len() > MAX_RANK {
            return Err(format!("has {} dimensions, more than {MAX_RANK}", self.shape.len()));
        }
        let mut dims = self.shape.iter();
        dims.try_fold(self.dtype.size(), |size, &dim| size.checked_mul(dim))
            .ok_or_else(|| format!("has an impossible shape {:?}", self.shape))
    }
}

/// What a format's reader found in the bytes of a file.
pub(super) struct Contents {
    /// Where the byte ranges of the entries count from.
    pub(super) data_start: usize,
    /// The tensors by name.
    pub(super) entries: BTreeMap<String, TensorEntry>,
    /// In files that hold a program: the kernel and the bias of each of its convolutions, in order.
    pub(super) convolutions: Vec<(String, Option<String>)>,
    /// What the file's writer noted, by key.
    pub(super) notes: BTreeMap<String, String>,
}

/// An open weight file whose table of tensors is valid.
pub struct TensorFile {
    path: PathBuf,
    map: Mmap,
    contents: Contents,
}

impl TensorFile {
    /// Maps a file of safetensors, ONNX or PyTorch, which is told by its first bytes and its name, and validates its
    /// table of tensors; tensor data is not read and nothing in the file is executed.
    ///
    /// # Errors
    /// The file cannot be read, is cut short, contradicts itself, or is of another format.
    pub fn open(path: &Path) -> Loaded<Self> {
        let onnx = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"));
        Self::open_as(path, |bytes| {
            if onnx {
                onnx::parse(bytes)
            } else if torch::is_checkpoint(bytes) {
                torch::parse(bytes)
            } else {
                safetensors::parse(bytes)
            }
        })
    }

    /// Maps a file and takes its contents from `parse`.
    pub(super) fn open_as(path: &Path, parse: impl Fn(&[u8]) -> Result<Contents, String>) -> Loaded<Self> {
        let broken = |problem: String| BrokenFile::new(path, problem);
        let file = open_file(path)?;
        let length = file.metadata().map_err(|e| broken(format!("cannot be read: {e}")))?.len();
        if length < 8 {
            return Err(broken(format!("is {length} bytes long, too short for a weight file")));
        }
        // SAFETY: the map is read-only. A file that another program shortens meanwhile would fault; model files
        // are replaced by renaming, never rewritten in place.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| broken(format!("cannot be mapped: {e}")))?;
        let contents = parse(&map).map_err(broken)?;
        Ok(Self { path: path.to_path_buf(), map, contents })
    }

    /// Path that the file was opened at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tensors by name.
    pub fn entries(&self) -> &BTreeMap<String, TensorEntry> {
        &self.contents.entries
    }

    /// In files that hold a program (ONNX): names of the kernel and the bias of each of its convolutions, in the
    /// order of the program.
    pub fn convolutions(&self) -> &[(String, Option<String>)] {
        &self.contents.convolutions
    }

    /// What the file's writer noted under a key (the `__metadata__` of safetensors).
    pub fn note(&self, key: &str) -> Option<&str> {
        self.contents.notes.get(key).map(String::as_str)
    }

    /// Copies one tensor to a device as f32.
    ///
    /// # Errors
    /// There is no such tensor, or it does not hold floating-point numbers.
    pub fn tensor(&self, name: &str, device: &Device) -> Loaded<Tensor> {
        let rows = self.entries().get(name).and_then(|entry| entry.shape.first()).copied();
        match rows {
            Some(rows) => self.rows(name, 0..rows, device),
            None => self.stretch(name, &[], 0..usize::MAX, device),
        }
    }

    /// Copies rows of one tensor, counted along its first dimension, to a device as f32.
    ///
    /// # Errors
    /// As [`TensorFile::tensor`], or there are fewer rows.
    pub(super) fn rows(&self, name: &str, rows: Range<usize>, device: &Device) -> Loaded<Tensor> {
        let shape = self.entries().get(name).map(|entry| entry.shape.as_slice()).unwrap_or_default();
        let shape: Vec<usize> = std::iter::once(rows.len()).chain(shape.iter().skip(1).copied()).collect();
        let row: usize = shape.iter().skip(1).product();
        self.stretch(name, &shape, rows.start * row..rows.end * row, device)
    }

    /// Elements of a tensor, in a shape.
    fn stretch(
        &self,
        name: &str,
        shape: &[usize],
        elements: Range<usize>,
        device: &Device,
    ) -> Loaded<Tensor> {
        let broken = |problem: String| BrokenFile::new(&self.path, problem);
        let entry = self.entries().get(name).ok_or_else(|| broken(format!("has no tensor `{name}`")))?;
        let (begin, end) = entry.data_offsets;
        let start = self.contents.data_start;
        let bytes = self.map.get(start + begin..start + end).unwrap_or_default();
        let size = entry.dtype.size();
        let last = elements.end.saturating_mul(size).min(bytes.len());
        let bytes = bytes.get(elements.start.saturating_mul(size)..last).unwrap_or_default();
        let values = to_f32(bytes, entry.dtype).ok_or_else(|| {
            broken(format!("tensor `{name}` is stored as {:?}, not as floats", entry.dtype))
        })?;
        Tensor::from_vec(values, shape, device).map_err(|e| broken(format!("tensor `{name}`: {e}")))
    }
}

/// Widens stored numbers to f32; none for types that are not floats.
fn to_f32(bytes: &[u8], dtype: StoredType) -> Option<Vec<f32>> {
    match dtype {
        StoredType::F32 => Some(convert(bytes, f32::from_le_bytes)),
        StoredType::F16 => Some(convert(bytes, |b: [u8; 2]| half_to_f32(u16::from_le_bytes(b)))),
        StoredType::BF16 => {
            Some(convert(bytes, |b: [u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)))
        }
        StoredType::F64 => Some(convert(bytes, |b: [u8; 8]| f64::from_le_bytes(b) as f32)),
        _ => None,
    }
}

/// Converts fixed-width elements in parallel.
fn convert<const N: usize>(bytes: &[u8], f: impl Fn([u8; N]) -> f32 + Sync) -> Vec<f32> {
    let mut values = vec![0f32; bytes.len() / N];
    values.par_chunks_mut(CHUNK).zip(bytes.par_chunks(CHUNK * N)).for_each(|(values, bytes)| {
        for (value, element) in values.iter_mut().zip(bytes.as_chunks::<N>().0) {
            *value = f(*element);
        }
    });
    values
}
