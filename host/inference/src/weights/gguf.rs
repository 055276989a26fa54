//! Reads GGUF files: the header is validated as a whole before any tensor is touched, tensor data stays mapped.
//!
//! Layout (<https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>): magic, version, counts, key-value pairs,
//! tensor entries, and from the next multiple of the alignment on the data. Dimensions are stored innermost first.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Tensor};
use memmap2::Mmap;

use super::config::open_file;
use super::gguf_header::{self, Header};
use super::mistaken::mistaken;
use super::{BrokenFile, Loaded};
use crate::tensor::{Parameter, Precision, SharedBytes, StoredNumbers};

/// A value of the key-value section.
#[derive(Debug, Clone, PartialEq)]
pub enum MetaValue {
    /// A whole number of any width.
    Integer(i64),
    /// A floating-point number of any width.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// A text.
    Text(String),
    /// A list of whole numbers.
    Integers(Vec<i64>),
    /// A list of floating-point numbers.
    Numbers(Vec<f64>),
    /// A list of texts.
    Texts(Vec<String>),
    /// A list of something that no reader asks for.
    Other,
}

/// What the header says of one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GgufEntry {
    /// How its numbers are stored.
    pub dtype: GgmlDType,
    /// Its dimensions, outermost first.
    pub shape: Vec<usize>,
    /// First byte, counted from the beginning of the file.
    pub(super) begin: usize,
    /// Bytes that it takes.
    pub(super) length: usize,
}

impl GgufEntry {
    /// Bytes that it takes in the file.
    pub fn bytes(&self) -> usize {
        self.length
    }
}

/// An open file with a valid header.
pub struct GgufFile {
    path: PathBuf,
    map: Arc<Mmap>,
    header: Header,
}

impl GgufFile {
    /// Maps the file and validates its header; tensor data is not read.
    ///
    /// # Errors
    /// The file cannot be read, is cut short, or its header contradicts itself.
    pub fn open(path: &Path) -> Loaded<Self> {
        let broken = |problem: String| BrokenFile::new(path, problem);
        let file = open_file(path)?;
        let length = file.metadata().map_err(|e| broken(format!("cannot be read: {e}")))?.len();
        if length < 24 {
            return Err(broken(format!("is {length} bytes long, too short for a GGUF file")));
        }
        // SAFETY: the map is read-only. A file that another program shortens meanwhile would fault; model files
        // are replaced by renaming, never rewritten in place.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| broken(format!("cannot be mapped: {e}")))?;
        let header = gguf_header::parse(&map)
            .map_err(|problem| broken(mistaken(&map).map_or(problem, str::to_owned)))?;
        Ok(Self { path: path.to_path_buf(), map: Arc::new(map), header })
    }

    /// Path that the file was opened at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tensors by name.
    pub fn entries(&self) -> &BTreeMap<String, GgufEntry> {
        &self.header.entries
    }

    /// The value of a key, none when it is absent.
    pub fn get(&self, key: &str) -> Option<&MetaValue> {
        self.header.metadata.get(key)
    }

    /// An error about one key of this file.
    pub fn problem(&self, key: &str, problem: impl std::fmt::Display) -> BrokenFile {
        BrokenFile::new(&self.path, format!("`{key}`: {problem}"))
    }

    /// A text, none when absent.
    pub fn text(&self, key: &str) -> Loaded<Option<&str>> {
        match self.get(key) {
            None => Ok(None),
            Some(MetaValue::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.problem(key, "a text is needed")),
        }
    }

    /// True or false, none when absent.
    pub fn flag(&self, key: &str) -> Loaded<Option<bool>> {
        match self.get(key) {
            None => Ok(None),
            Some(MetaValue::Flag(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.problem(key, "true or false is needed")),
        }
    }

    /// A whole number from 0 up, none when absent.
    pub fn integer(&self, key: &str) -> Loaded<Option<usize>> {
        match self.get(key) {
            None => Ok(None),
            Some(MetaValue::Integer(n)) => usize::try_from(*n)
                .map(Some)
                .map_err(|_| self.problem(key, format!("{n} is not a whole number from 0 up"))),
            Some(_) => Err(self.problem(key, "a whole number is needed")),
        }
    }

    /// A whole number above 0 and at most `most`, which must be there.
    pub fn size(&self, key: &str, most: usize) -> Loaded<usize> {
        match self.integer(key)? {
            Some(n) if (1..=most).contains(&n) => Ok(n),
            Some(n) => Err(self.problem(key, format!("{n} is not between 1 and {most}"))),
            None => Err(self.problem(key, "is missing")),
        }
    }

    /// A finite number, or `default`.
    pub fn number_or(&self, key: &str, default: f64) -> Loaded<f64> {
        match self.get(key) {
            None => Ok(default),
            Some(MetaValue::Number(n)) if n.is_finite() => Ok(*n),
            Some(MetaValue::Integer(n)) => Ok(*n as f64),
            Some(_) => Err(self.problem(key, "a number is needed")),
        }
    }

    /// A list of texts that must be there.
    pub fn texts(&self, key: &str) -> Loaded<&[String]> {
        match self.get(key) {
            Some(MetaValue::Texts(texts)) => Ok(texts),
            Some(_) => Err(self.problem(key, "a list of texts is needed")),
            None => Err(self.problem(key, "is missing")),
        }
    }

    /// The entry and the bytes of a tensor of this shape, where they are mapped.
    ///
    /// # Errors
    /// It is missing or has another shape.
    pub fn bytes(&self, name: &str, shape: &[usize]) -> Loaded<(&GgufEntry, SharedBytes)> {
        let entry = self
            .header
            .entries
            .get(name)
            .ok_or_else(|| BrokenFile::new(&self.path, format!("has no tensor `{name}`")))?;
        if entry.shape != shape {
            return Err(BrokenFile::new(
                &self.path,
                format!("tensor `{name}` has shape {:?}, its metadata asks for {shape:?}", entry.shape),
            ));
        }
        let map: Arc<Mmap> = Arc::clone(&self.map);
        Ok((entry, SharedBytes::whole(map).stretch(entry.begin, entry.length)))
    }

    /// A weight: on the CPU where the file holds it, if it holds plain numbers, else as a tensor.
    ///
    /// # Errors
    /// It is missing or has another shape.
    pub fn parameter(&self, name: &str, shape: &[usize], device: &Device) -> Loaded<Parameter> {
        let (entry, bytes) = self.bytes(name, shape)?;
        match precision(entry.dtype).filter(|_| device.is_cpu()) {
            Some(precision) => Parameter::stored(vec![StoredNumbers { precision, bytes }], shape)
                .map_err(|e| BrokenFile::new(&self.path, format!("tensor `{name}`: {e}"))),
            None => self.tensor(name, shape, device).map(Parameter::from),
        }
    }

    /// Loads a tensor as f32.
    ///
    /// # Errors
    /// It is missing or has another shape.
    pub fn tensor(&self, name: &str, shape: &[usize], device: &Device) -> Loaded<Tensor> {
        let (entry, bytes) = self.bytes(name, shape)?;
        // In one row, because the last dimension need not be whole blocks.
        let count: usize = shape.iter().product();
        QStorage::from_data(bytes.get().into(), device, entry.dtype)
            .and_then(|storage| QTensor::new(storage, count)?.dequantize(device)?.reshape(shape))
            .map_err(|e| BrokenFile::new(&self.path, format!("tensor `{name}`: {e}")))
    }

    /// Loads a tensor as it is stored.
    ///
    /// # Errors
    /// It is missing or has another shape.
    pub fn quantized(&self, name: &str, shape: &[usize], device: &Device) -> Loaded<QTensor> {
        let (entry, bytes) = self.bytes(name, shape)?;
        QStorage::from_data(bytes.get().into(), device, entry.dtype)
            .and_then(|storage| QTensor::new(storage, shape))
            .map_err(|e| BrokenFile::new(&self.path, format!("tensor `{name}`: {e}")))
    }
}

/// How plain numbers of a type are stored; none for blocks.
pub(super) fn precision(dtype: GgmlDType) -> Option<Precision> {
    match dtype {
        GgmlDType::F32 => Some(Precision::F32),
        GgmlDType::F16 => Some(Precision::F16),
        GgmlDType::BF16 => Some(Precision::BF16),
        _ => None,
    }
}
