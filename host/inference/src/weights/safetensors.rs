//! Reads safetensors files: the header is validated as a whole before any tensor is touched.
//!
//! Layout: 8 bytes little-endian header length, a JSON object from tensor name to type, shape and byte range,
//! then the data. A file is refused unless the ranges lie within the data, fit the shapes, and do not overlap.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use candle_core::{Device, Tensor};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::Loaded;
use super::tensor_file::{Contents, TensorEntry, TensorFile};

/// Longest header that is read.
const MAX_HEADER: u64 = 64 << 20;

/// An open file with a valid header.
pub struct SafetensorsFile(TensorFile);

impl SafetensorsFile {
    /// Maps the file and validates its header; tensor data is not read.
    ///
    /// # Errors
    /// The file cannot be read, is cut short, or its header contradicts itself.
    pub fn open(path: &Path) -> Loaded<Self> {
        TensorFile::open_as(path, parse).map(Self)
    }

    /// Path that the file was opened at.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The tensors by name.
    pub fn entries(&self) -> &BTreeMap<String, TensorEntry> {
        self.0.entries()
    }

    /// Copies one tensor to a device as f32.
    ///
    /// # Errors
    /// There is no such tensor, or it does not hold floating-point numbers.
    pub fn tensor(&self, name: &str, device: &Device) -> Loaded<Tensor> {
        self.0.tensor(name, device)
    }
}

impl From<SafetensorsFile> for TensorFile {
    fn from(file: SafetensorsFile) -> Self {
        file.0
    }
}

/// Validates the bytes of a file; gives where its data begins and its entries, or the problem.
pub(super) fn parse(bytes: &[u8]) -> Result<Contents, String> {
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or("is too short for a safetensors file")?;
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER {
        return Err(format!(
            "claims a header of {length} bytes; it is no file of safetensors, and no checkpoint of PyTorch"
        ));
    }
    let length = usize::try_from(length).map_err(|e| e.to_string())?;
    let (header, data) = rest.split_at_checked(length).ok_or_else(|| {
        format!("is cut short: its header has {length} bytes, only {} are there", rest.len())
    })?;
    let mut reader = serde_json::Deserializer::from_slice(header);
    let (entries, notes) = reader
        .deserialize_map(HeaderVisitor)
        .and_then(|header| reader.end().map(|()| header))
        .map_err(|e| format!("has a header that does not parse: {e}"))?;
    for (name, entry) in &entries {
        check_entry(entry, data.len()).map_err(|e| format!("tensor `{name}` {e}"))?;
    }
    check_ranges(&entries, data.len())?;
    Ok(Contents { data_start: 8 + length, entries, convolutions: Vec::new(), notes })
}

/// Checks that a tensor's byte range lies within the data and fits its type and shape.
fn check_entry(entry: &TensorEntry, data: usize) -> Result<(), String> {
    let (begin, end) = entry.data_offsets;
    let size = entry.size()?;
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

/// Collects header entries and what its writer noted, refusing names that occur twice.
struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = (BTreeMap<String, TensorEntry>, BTreeMap<String, String>);

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object from tensor names to entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut entries, mut notes) = (BTreeMap::new(), BTreeMap::new());
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                if let Value::Object(values) = map.next_value::<Value>()? {
                    notes =
                        values.into_iter().filter_map(|(key, value)| text(value).map(|t| (key, t))).collect();
                }
                continue;
            }
            let entry = map.next_value::<TensorEntry>()?;
            if entries.contains_key(&name) {
                return Err(serde::de::Error::custom(format!("tensor `{name}` occurs twice")));
            }
            entries.insert(name, entry);
        }
        Ok((entries, notes))
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
