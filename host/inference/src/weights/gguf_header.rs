//! The header of GGUF files, parsed from untrusted bytes: every count is held against the bytes that are left before
//! anything is allocated for it.

use std::collections::BTreeMap;

use candle_core::quantized::GgmlDType;

use super::gguf::{GgufEntry, MetaValue};

/// Most key-value pairs and most tensors that are read.
const MAX_ENTRIES: u64 = 1 << 16;
/// Most elements of a list; the largest vocabularies have a few hundred thousand tokens.
const MAX_LIST: u64 = 1 << 22;
/// Longest key or tensor name.
const MAX_NAME: u64 = 1 << 10;
/// Longest text.
const MAX_TEXT: u64 = 16 << 20;
/// Most dimensions a tensor may have.
const MAX_RANK: u32 = 4;
/// Largest alignment of the data.
const MAX_ALIGNMENT: u64 = 1 << 16;

/// What the names of tensors follow in the keys of their shapes, where those were changed to fit blocks.
const ORIGINAL_SHAPE: &str = "comfy.gguf.orig_shape.";

/// A valid header.
pub(super) struct Header {
    pub(super) metadata: BTreeMap<String, MetaValue>,
    pub(super) entries: BTreeMap<String, GgufEntry>,
}

/// Validates the bytes of a file; gives its header, or the problem.
pub(super) fn parse(bytes: &[u8]) -> Result<Header, String> {
    let mut reader = Reader { bytes, position: 0 };
    if reader.take(4)? != b"GGUF" {
        return Err("does not begin with `GGUF`; is it a GGUF file?".to_owned());
    }
    match u32::from_le_bytes(reader.number()?) {
        2 | 3 => {}
        other => return Err(format!("has GGUF version {other}, only 2 and 3 are read")),
    }
    let (tensors, pairs) = (reader.count(MAX_ENTRIES, "tensors")?, reader.count(MAX_ENTRIES, "keys")?);
    let mut metadata = BTreeMap::new();
    for _ in 0..pairs {
        let key = reader.text(MAX_NAME)?;
        let kind = u32::from_le_bytes(reader.number()?);
        let value = reader.value(kind).map_err(|e| format!("key `{key}` {e}"))?;
        if metadata.insert(key.clone(), value).is_some() {
            return Err(format!("key `{key}` occurs twice"));
        }
    }
    let mut entries = BTreeMap::new();
    for _ in 0..tensors {
        let name = reader.text(MAX_NAME)?;
        let entry = reader.entry().map_err(|e| format!("tensor `{name}` {e}"))?;
        if entries.insert(name.clone(), entry).is_some() {
            return Err(format!("tensor `{name}` occurs twice"));
        }
    }
    place(&mut entries, &metadata, &reader)?;
    restore_shapes(&mut entries, &metadata)?;
    Ok(Header { metadata, entries })
}

/// Gives tensors their shapes back that were stored in rows of whole blocks instead (ComfyUI-GGUF's `convert.py`).
fn restore_shapes(
    entries: &mut BTreeMap<String, GgufEntry>,
    metadata: &BTreeMap<String, MetaValue>,
) -> Result<(), String> {
    for (name, entry) in entries {
        let key = format!("{ORIGINAL_SHAPE}{name}");
        let Some(MetaValue::Integers(shape)) = metadata.get(&key) else { continue };
        let shape: Option<Vec<usize>> = shape.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let count = |shape: &[usize]| shape.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim));
        let fits =
            |shape: &Vec<usize>| shape.len() <= MAX_RANK as usize && count(shape) == count(&entry.shape);
        match shape.filter(fits) {
            Some(shape) => entry.shape = shape,
            None => return Err(format!("key `{key}` does not fit the tensor's {:?}", entry.shape)),
        }
    }
    Ok(())
}

/// Turns offsets into positions within the file, and checks that no two tensors overlap or leave the file.
fn place(
    entries: &mut BTreeMap<String, GgufEntry>,
    metadata: &BTreeMap<String, MetaValue>,
    reader: &Reader,
) -> Result<(), String> {
    let alignment = match metadata.get("general.alignment") {
        None => 32,
        Some(MetaValue::Integer(n)) => u64::try_from(*n).unwrap_or(0),
        Some(_) => 0,
    };
    if !alignment.is_power_of_two() || !(8..=MAX_ALIGNMENT).contains(&alignment) {
        return Err("`general.alignment` must be a power of two between 8 and 65536".to_owned());
    }
    let alignment = alignment as usize;
    let data = reader.position.next_multiple_of(alignment);
    let mut ranges = Vec::with_capacity(entries.len());
    for (name, entry) in entries {
        let end = entry.begin.checked_add(data).and_then(|begin| begin.checked_add(entry.length));
        let end = end.filter(|end| *end <= reader.bytes.len()).ok_or_else(|| {
            format!("tensor `{name}` ends beyond the file's {} bytes: it is cut short", reader.bytes.len())
        })?;
        if entry.begin % alignment != 0 {
            return Err(format!("tensor `{name}` is not aligned to {alignment} bytes"));
        }
        entry.begin += data;
        ranges.push((entry.begin, end, name.as_str()));
    }
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        if let [(_, end, first), (begin, _, second)] = pair
            && begin < end
        {
            return Err(format!("tensors `{first}` and `{second}` overlap"));
        }
    }
    Ok(())
}

/// Reads from bytes, never beyond them.
struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.position)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self.position.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.position..end)).ok_or_else(|| {
            format!("is cut short: its header needs {count} bytes where {} are left", self.left())
        })?;
        self.position += count;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        taken.first_chunk::<N>().copied().ok_or_else(|| "is cut short".to_owned())
    }

    /// A count that its elements, at least a byte each, must leave room for.
    fn count(&mut self, most: u64, what: &str) -> Result<usize, String> {
        let count = u64::from_le_bytes(self.number()?);
        if count > most || count > self.left() as u64 {
            return Err(format!("claims {count} {what}, more than it can hold or than the {most} allowed"));
        }
        usize::try_from(count).map_err(|e| e.to_string())
    }

    fn text(&mut self, most: u64) -> Result<String, String> {
        let length = self.count(most, "bytes of text")?;
        let bytes = self.take(length)?;
        // Vocabularies of some converters hold pieces of characters.
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    fn value(&mut self, kind: u32) -> Result<MetaValue, String> {
        if kind != 9 {
            return self.scalar(kind);
        }
        let kind = u32::from_le_bytes(self.number()?);
        let count = self.count(MAX_LIST, "elements")?;
        let (mut integers, mut numbers, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            match self.scalar(kind)? {
                MetaValue::Integer(n) => integers.push(n),
                MetaValue::Number(n) => numbers.push(n),
                MetaValue::Text(text) => texts.push(text),
                _ => {}
            }
        }
        Ok(match kind {
            6 | 12 => MetaValue::Numbers(numbers),
            7 => MetaValue::Other,
            8 => MetaValue::Texts(texts),
            _ => MetaValue::Integers(integers),
        })
    }

    fn scalar(&mut self, kind: u32) -> Result<MetaValue, String> {
        Ok(match kind {
            0 => MetaValue::Integer(i64::from(u8::from_le_bytes(self.number()?))),
            1 => MetaValue::Integer(i64::from(i8::from_le_bytes(self.number()?))),
            2 => MetaValue::Integer(i64::from(u16::from_le_bytes(self.number()?))),
            3 => MetaValue::Integer(i64::from(i16::from_le_bytes(self.number()?))),
            4 => MetaValue::Integer(i64::from(u32::from_le_bytes(self.number()?))),
            5 => MetaValue::Integer(i64::from(i32::from_le_bytes(self.number()?))),
            6 => MetaValue::Number(f64::from(f32::from_le_bytes(self.number()?))),
            7 => match self.number::<1>()? {
                [0] => MetaValue::Flag(false),
                [1] => MetaValue::Flag(true),
                [other] => return Err(format!("is neither true nor false but {other}")),
            },
            8 => MetaValue::Text(self.text(MAX_TEXT)?),
            10 => match i64::try_from(u64::from_le_bytes(self.number()?)) {
                Ok(n) => MetaValue::Integer(n),
                Err(_) => return Err("is too large a number".to_owned()),
            },
            11 => MetaValue::Integer(i64::from_le_bytes(self.number()?)),
            12 => MetaValue::Number(f64::from_le_bytes(self.number()?)),
            other => return Err(format!("has values of kind {other}, which is not read")),
        })
    }

    /// A tensor's entry, its position still counted from the beginning of the data.
    fn entry(&mut self) -> Result<GgufEntry, String> {
        let rank = u32::from_le_bytes(self.number()?);
        if rank > MAX_RANK {
            return Err(format!("has {rank} dimensions, more than {MAX_RANK}"));
        }
        let mut shape = Vec::new();
        for _ in 0..rank {
            shape.push(usize::try_from(u64::from_le_bytes(self.number()?)).map_err(|e| e.to_string())?);
        }
        shape.reverse();
        let dtype = stored_type(u32::from_le_bytes(self.number()?))?;
        let begin = usize::try_from(u64::from_le_bytes(self.number()?)).map_err(|e| e.to_string())?;
        let row = shape.last().copied().unwrap_or(1);
        if row % dtype.block_size() != 0 {
            return Err(format!("has rows of {row}, not a multiple of {}", dtype.block_size()));
        }
        let count = shape.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim));
        let length = count.and_then(|count| (count / dtype.block_size()).checked_mul(dtype.type_size()));
        let length = length.ok_or_else(|| format!("has an impossible shape {shape:?}"))?;
        Ok(GgufEntry { dtype, shape, begin, length })
    }
}

/// The types by their numbers in ggml.h.
fn stored_type(number: u32) -> Result<GgmlDType, String> {
    Ok(match number {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        other => {
            return Err(format!("is stored as type {other}, which is not read; Q4_K, Q6_K and Q8_0 are"));
        }
    })
}
