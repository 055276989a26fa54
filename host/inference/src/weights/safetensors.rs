//! Reads safetensors files: the header is validated as a whole before any tensor is touched.
//!
//! Layout: 8 bytes little-endian header length, a JSON object from tensor name to type, shape and byte range,
//! then the data. A file is refused unless the ranges lie within the data, fit the shapes, and do not overlap.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use memmap2::Mmap;
use rayon::prelude::*;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::config::open_file;
use super::{BrokenFile, Loaded};

/// Longest header that is read.
const MAX_HEADER: u64 = 64 << 20;
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

/// An open file with a valid header.
pub struct SafetensorsFile {
    path: PathBuf,
    map: Mmap,
    data_start: usize,
    entries: BTreeMap<String, TensorEntry>,
}

impl SafetensorsFile {
    /// Maps the file and validates its header; tensor data is not read.
    ///
    /// # Errors
    /// The file cannot be read, is cut short, or its header contradicts itself.
    pub fn open(path: &Path) -> Loaded<Self> {
        let broken = |problem: String| BrokenFile::new(path, problem);
        let file = open_file(path)?;
        let length = file.metadata().map_err(|e| broken(format!("cannot be read: {e}")))?.len();
        if length < 8 {
            return Err(broken(format!("is {length} bytes long, too short for a safetensors file")));
        }
        // SAFETY: the map is read-only. A file that another program shortens meanwhile would fault; model files
        // are replaced by renaming, never rewritten in place.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| broken(format!("cannot be mapped: {e}")))?;
        let (data_start, entries) = parse(&map).map_err(broken)?;
        Ok(Self { path: path.to_path_buf(), map, data_start, entries })
    }

    /// Path that the file was opened at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tensors by name.
    pub fn entries(&self) -> &BTreeMap<String, TensorEntry> {
        &self.entries
    }

    /// Copies one tensor to a device as f32.
    ///
    /// # Errors
    /// There is no such tensor, or it does not hold floating-point numbers.
    pub fn tensor(&self, name: &str, device: &Device) -> Loaded<Tensor> {
        let broken = |problem: String| BrokenFile::new(&self.path, problem);
        let entry = self.entries.get(name).ok_or_else(|| broken(format!("has no tensor `{name}`")))?;
        let (begin, end) = entry.data_offsets;
        let bytes = self.map.get(self.data_start + begin..self.data_start + end).unwrap_or_default();
        let values = to_f32(bytes, entry.dtype).ok_or_else(|| {
            broken(format!("tensor `{name}` is stored as {:?}, not as floats", entry.dtype))
        })?;
        Tensor::from_vec(values, entry.shape.as_slice(), device)
            .map_err(|e| broken(format!("tensor `{name}`: {e}")))
    }
}

/// Validates the bytes of a file; gives where its data begins and its entries, or the problem.
fn parse(bytes: &[u8]) -> Result<(usize, BTreeMap<String, TensorEntry>), String> {
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or("is too short for a safetensors file")?;
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER {
        return Err(format!("claims a header of {length} bytes; is it a safetensors file?"));
    }
    let length = usize::try_from(length).map_err(|e| e.to_string())?;
    let (header, data) = rest.split_at_checked(length).ok_or_else(|| {
        format!("is cut short: its header has {length} bytes, only {} are there", rest.len())
    })?;
    let mut reader = serde_json::Deserializer::from_slice(header);
    let entries = reader
        .deserialize_map(HeaderVisitor)
        .and_then(|entries| reader.end().map(|()| entries))
        .map_err(|e| format!("has a header that does not parse: {e}"))?;
    for (name, entry) in &entries {
        check_entry(entry, data.len()).map_err(|e| format!("tensor `{name}` {e}"))?;
    }
    check_ranges(&entries, data.len())?;
    Ok((8 + length, entries))
}

/// Checks that a tensor's byte range lies within the data and fits its type and shape.
fn check_entry(entry: &TensorEntry, data: usize) -> Result<(), String> {
    let (begin, end) = entry.data_offsets;
    if entry.shape.len() > MAX_RANK {
        return Err(format!("has {} dimensions, more than {MAX_RANK}", entry.shape.len()));
    }
    let size = entry
        .shape
        .iter()
        .try_fold(entry.dtype.size(), |size, &dim| size.checked_mul(dim))
        .ok_or_else(|| format!("has an impossible shape {:?}", entry.shape))?;
    let held = end.checked_sub(begin).ok_or_else(|| format!("ends at {end} before it begins at {begin}"))?;
    if held != size {
        return Err(format!("takes {held} bytes where {:?} {:?} needs {size}", entry.dtype, entry.shape));
    }
    if end > data {
        return Err(format!("ends at byte {end} but the file has {data} bytes of data: it is cut short"));
    }
    Ok(())
}

/// Checks that no two ranges overlap and that the last one ends with the file.
fn check_ranges(entries: &BTreeMap<String, TensorEntry>, data: usize) -> Result<(), String> {
    let mut ranges: Vec<_> = entries.iter().map(|(name, entry)| (entry.data_offsets, name)).collect();
    ranges.sort_unstable();
    let mut reached = 0;
    let mut before = "";
    for ((begin, end), name) in ranges {
        if begin < reached {
            return Err(format!("tensors `{before}` and `{name}` overlap"));
        }
        reached = end;
        before = name;
    }
    if reached != data {
        return Err(format!("has {} bytes that belong to no tensor", data - reached));
    }
    Ok(())
}

/// Collects header entries, refusing names that occur twice.
struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = BTreeMap<String, TensorEntry>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object from tensor names to entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let entry = map.next_value::<TensorEntry>()?;
            if entries.contains_key(&name) {
                return Err(serde::de::Error::custom(format!("tensor `{name}` occurs twice")));
            }
            entries.insert(name, entry);
        }
        Ok(entries)
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

/// IEEE half precision to single precision, exact.
fn half_to_f32(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let magnitude = u32::from(half & 0x7fff);
    let shifted = f32::from_bits(magnitude << 13);
    let value = if magnitude >= 0x7c00 {
        f32::from_bits((magnitude << 13) | 0x7f80_0000)
    } else {
        // Re-bias the exponent from 15 to 127 by an exact power of two, which handles subnormals too.
        shifted * f32::from_bits((127 + 112) << 23)
    };
    f32::from_bits(value.to_bits() | sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_widens_exactly() {
        for (half, want) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x0001, 5.960_464_5e-8),
            (0x7bff, 65504.0),
            (0x3555, 0.333_251_95),
        ] {
            assert_eq!(half_to_f32(half), want);
        }
        assert!(half_to_f32(0x7c00).is_infinite() && half_to_f32(0x7e00).is_nan());
    }
}
