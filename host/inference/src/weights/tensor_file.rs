//! An open weight file of any format that is read: tensors by name, each a range of bytes in a memory map.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use memmap2::Mmap;
#[cfg(unix)]
use memmap2::UncheckedAdvice;
use rayon::prelude::*;

use super::bitsandbytes::{PackedEntry, PackedRows};
use super::config::open_file;
use super::eight_bit::{e4m3, e5m2, factors_of, is_eight_bit, multiply};
use super::mistaken::mistaken;
use super::stretches::{number_bytes, stays_stored, typed_bytes};
use super::{BrokenFile, Loaded, bitsandbytes, onnx, safetensors, torch};
use crate::tensor::{Parameter, Precision, SharedBytes, StoredNumbers};

/// Most dimensions a tensor may have.
const MAX_RANK: usize = 8;
/// Elements that one task converts.
const CHUNK: usize = 1 << 16;

/// How numbers are stored in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
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
    /// Numbers of 4 bits that stand for others; no type of a format, but of what is made of several tensors.
    #[serde(skip)]
    Packed4,
}

impl StoredType {
    /// Bytes per element.
    pub fn size(self) -> usize {
        match self {
            Self::BOOL | Self::U8 | Self::I8 | Self::F8E5M2 | Self::F8E4M3 | Self::Packed4 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// True for the types that model weights are read from.
    pub fn is_weight(self) -> bool {
        matches!(
            self,
            Self::F8E5M2 | Self::F8E4M3 | Self::F16 | Self::BF16 | Self::F32 | Self::F64 | Self::Packed4
        )
    }

    /// The precision of types that layers use as the file holds them.
    fn precision(self) -> Option<Precision> {
        match self {
            Self::F32 => Some(Precision::F32),
            Self::F16 => Some(Precision::F16),
            Self::BF16 => Some(Precision::BF16),
            _ => None,
        }
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
    fn loaded_bytes(&self, dtype: Option<DType>) -> u64 {
        match (dtype, self.dtype.precision().filter(|_| stays_stored(&self.shape))) {
            (Some(dtype), _) => typed_bytes(&self.shape, dtype),
            (None, Some(precision)) => number_bytes(&self.shape) / 4 * precision.bytes() as u64,
            (None, None) => number_bytes(&self.shape),
        }
    }

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
    map: Arc<Mmap>,
    contents: Contents,
    /// Matrices that several tensors of the format make up.
    packed: BTreeMap<String, PackedEntry>,
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
                let named = torch::is_named_so(path);
                safetensors::parse(bytes)
                    .map_err(|problem| if named { torch::no_checkpoint() } else { problem })
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
        let mut contents =
            parse(&map).map_err(|problem| broken(mistaken(&map).map_or(problem, str::to_owned)))?;
        let packed = bitsandbytes::gather(&mut contents, &map).map_err(broken)?;
        Ok(Self { path: path.to_path_buf(), map: Arc::new(map), contents, packed })
    }

    /// Path that the file was opened at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tensors by name.
    pub fn entries(&self) -> &BTreeMap<String, TensorEntry> {
        &self.contents.entries
    }

    /// Bytes that a tensor takes once loaded in a type. Without one: as in the file where layers use it as it is there,
    /// else four for each number. None for what holds no weights.
    pub(super) fn loaded_bytes(&self, name: &str, dtype: Option<DType>) -> u64 {
        if let Some(packed) = self.packed.get(name).filter(|_| dtype.is_none()) {
            return packed.loaded_bytes();
        }
        let entry = self.entries().get(name).filter(|entry| entry.dtype.is_weight());
        entry.map_or(0, |entry| entry.loaded_bytes(dtype))
    }

    /// Rows of a packed matrix, which stay in the file; none if the tensor is not one.
    pub(super) fn packed_rows(&self, name: &str, rows: Range<usize>) -> Option<PackedRows> {
        Some(PackedRows::open(self.packed.get(name)?, &self.map, rows))
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
        let rows = self.parameter(name, 0..rows.unwrap_or(1), device)?;
        rows.tensor().map_err(|e| self.broken(name, e))
    }

    /// Rows of one tensor, counted along its first dimension: on the CPU where the file holds them, unless they are of a
    /// type that has to be converted, else as a tensor.
    ///
    /// # Errors
    /// There is no such tensor, it does not hold floating-point numbers, or there are fewer rows.
    pub(super) fn parameter(&self, name: &str, rows: Range<usize>, device: &Device) -> Loaded<Parameter> {
        let entry = self
            .entries()
            .get(name)
            .ok_or_else(|| BrokenFile::new(&self.path, format!("has no tensor `{name}`")))?;
        if let Some(packed) = self.packed_rows(name, rows.clone()) {
            return packed.dense(device).map(Parameter::from).map_err(|e| self.broken(name, e));
        }
        let mut shape = entry.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = rows.len();
        }
        let row = entry.shape.iter().skip(1).product::<usize>() * entry.dtype.size();
        let begin = self.contents.data_start + entry.data_offsets.0 + rows.start * row;
        let map: Arc<Mmap> = Arc::clone(&self.map);
        let bytes = SharedBytes::whole(map).stretch(begin, rows.len() * row);
        let stored = match entry.dtype.precision() {
            Some(precision) => Parameter::stored(vec![StoredNumbers { precision, bytes }], &shape),
            None => {
                let mut values = to_f32(bytes.get(), entry.dtype).ok_or_else(|| {
                    let problem = format!("is stored as {:?}, not as floats", entry.dtype);
                    BrokenFile::new(&self.path, format!("tensor `{name}` {problem}"))
                })?;
                if is_eight_bit(entry.dtype) {
                    self.scale(name, entry, rows.start, &mut values)?;
                }
                Tensor::from_vec(values, shape, &Device::Cpu).map(Parameter::from)
            }
        };
        let on_device = |stored: Parameter| match device {
            Device::Cpu => Ok(stored),
            _ => Ok(stored.tensor()?.to_device(device)?.into()),
        };
        stored.and_then(on_device).map_err(|e| self.broken(name, e))
    }

    /// Lets the system forget the pages of a tensor; it reads them from the file again if need be.
    pub(super) fn let_go(&self, entry: &TensorEntry) {
        #[cfg(unix)]
        {
            let (begin, end) = entry.data_offsets;
            let (advice, place) = (UncheckedAdvice::DontNeed, self.contents.data_start + begin);
            // SAFETY: nothing is written to the map, so its pages are those of the file whenever they are read. Advice
            // that the system does not take changes nothing.
            let _ = unsafe { self.map.unchecked_advise_range(advice, place, end - begin) };
        }
        #[cfg(not(unix))]
        let _ = entry;
    }

    fn broken(&self, name: &str, error: candle_core::Error) -> BrokenFile {
        BrokenFile::new(&self.path, format!("tensor `{name}`: {error}"))
    }

    /// Multiplies eight-bit values, which begin with a row of their tensor, by the factors that the file keeps for them.
    fn scale(&self, name: &str, entry: &TensorEntry, first_row: usize, values: &mut [f32]) -> Loaded<()> {
        let Some((factors, stored)) = factors_of(name, self.entries()) else { return Ok(()) };
        let broken = |problem: String| BrokenFile::new(&self.path, format!("tensor `{factors}` {problem}"));
        if is_eight_bit(stored.dtype) {
            return Err(broken("is of eight-bit floats itself".to_owned()));
        }
        let factors =
            self.tensor(factors, &Device::Cpu)?.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
        let row: usize = entry.shape.iter().skip(1).product();
        multiply(values, &factors.map_err(|e| broken(e.to_string()))?, row, first_row * row).map_err(broken)
    }
}

/// Converts numbers that no layer uses as they are stored; none for types that are not floats.
fn to_f32(bytes: &[u8], dtype: StoredType) -> Option<Vec<f32>> {
    match dtype {
        StoredType::F64 => Some(convert(bytes, |b: [u8; 8]| f64::from_le_bytes(b) as f32)),
        StoredType::F8E4M3 => Some(convert(bytes, |[b]: [u8; 1]| e4m3(b))),
        StoredType::F8E5M2 => Some(convert(bytes, |[b]: [u8; 1]| e5m2(b))),
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
