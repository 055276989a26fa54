//! Reads the tensors of PyTorch checkpoints (`.pth`, `.pt`): the zip archives of today and the older row of pickles.
//!
//! Both hold a pickle that describes dictionaries of tensors and, apart from it, the storages that they are views of.
//! The pickle is read as data ([`super::pickle`]); archives must be stored, not compressed, as PyTorch writes them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::pickle::{Id, Object, Pickle};
use super::tensor_file::{Contents, StoredType, TensorEntry};

/// How checkpoints before PyTorch 1.6 begin: a pickle of their magic number.
const OLD_MAGIC: [u8; 14] = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// How zip archives begin.
const ZIP_MAGIC: [u8; 4] = *b"PK\x03\x04";
/// Most members of an archive and most tensors.
const MAX_PARTS: usize = 100_000;
/// Longest name of a tensor, with those of the dictionaries around it.
const MAX_NAME: usize = 1024;
/// What fields say that are too narrow for their number.
const NARROW_COUNT: usize = 0xffff;
const NARROW_PLACE: usize = 0xffff_ffff;
/// How files are called that hold such checkpoints.
const ENDINGS: [&str; 4] = ["ckpt", "pth", "pt", "bin"];
/// What people can do about a checkpoint that can't be read.
pub(super) const OTHERWISE: &str = "look for the same model in safetensors, or convert it";
/// Levels of dictionaries in dictionaries.
const MAX_DEPTH: usize = 4;

/// First byte and the byte after the last.
type Range = (usize, usize);

/// True if a file begins as PyTorch checkpoints do.
pub(super) fn is_checkpoint(bytes: &[u8]) -> bool {
    bytes.starts_with(&ZIP_MAGIC) || bytes.starts_with(&OLD_MAGIC)
}

/// True if a file's name says that it is such a checkpoint.
pub(super) fn is_named_so(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// What to say of a file that is named so and is none.
pub(super) fn no_checkpoint() -> String {
    format!("is no checkpoint as PyTorch writes them; {OTHERWISE}")
}

/// Finds the tensors in the bytes of a checkpoint, or says what is wrong with it. Tensors in nested dictionaries are
/// named with dots.
pub(super) fn parse(bytes: &[u8]) -> Result<Contents, String> {
    let (pickle, storages) = if bytes.starts_with(&ZIP_MAGIC) { archive(bytes)? } else { row(bytes)? };
    let mut collector =
        Collector { pickle: &pickle, storages: &storages, entries: BTreeMap::new(), visited: 0 };
    collector.collect(pickle.root(), "", 0)?;
    if collector.entries.is_empty() {
        return Err(format!("holds no weights, or in a way that is not read here; {OTHERWISE}"));
    }
    Ok(Contents {
        data_start: 0,
        entries: collector.entries,
        convolutions: Vec::new(),
        notes: BTreeMap::new(),
    })
}

/// The pickle and the storages of an archive.
fn archive(bytes: &[u8]) -> Result<(Pickle<'_>, HashMap<String, Range>), String> {
    let members = members(bytes)?;
    let (name, &(begin, end)) = members
        .iter()
        .find(|(name, _)| name.ends_with("/data.pkl") || *name == "data.pkl")
        .ok_or_else(|| format!("is a zip archive and no checkpoint of PyTorch; {OTHERWISE}"))?;
    let folder = name.trim_end_matches("data.pkl");
    if let Some(&(begin, end)) = members.get(&format!("{folder}byteorder"))
        && bytes.get(begin..end) != Some(b"little")
    {
        return Err("was written on a big-endian machine, which is not supported".to_owned());
    }
    let pickle = Pickle::read(bytes.get(begin..end).unwrap_or_default())?;
    let data = format!("{folder}data/");
    let storages =
        members.iter().filter_map(|(name, &range)| Some((name.strip_prefix(&data)?.to_owned(), range)));
    Ok((pickle, storages.collect()))
}

/// The members of a zip archive by name (APPNOTE.TXT 4.3: end record, central directory, local headers).
fn members(bytes: &[u8]) -> Result<HashMap<String, Range>, String> {
    let cut = || "is a zip archive that is cut short or broken".to_owned();
    let tail = bytes.len().saturating_sub(22 + usize::from(u16::MAX));
    let end =
        bytes.get(tail..).and_then(|t| t.windows(4).rposition(|w| w == b"PK\x05\x06")).ok_or_else(cut)?
            + tail;
    let bounded = |(count, at): &(usize, usize)| *count <= MAX_PARTS && *at <= bytes.len();
    let (count, mut at) = directory(bytes, end).filter(bounded).ok_or_else(cut)?;
    let mut members = HashMap::new();
    for _ in 0..count {
        let field = |offset: usize, width: usize| little(bytes, at.checked_add(offset)?, width);
        if bytes.get(at..at.saturating_add(4)) != Some(b"PK\x01\x02") {
            return Err(cut());
        }
        let (method, stored, size) = (field(10, 2), field(20, 4), field(24, 4));
        let lengths = [field(28, 2), field(30, 2), field(32, 2)];
        let ([Some(name), Some(extra), Some(comment)], Some(local)) = (lengths, field(42, 4)) else {
            return Err(cut());
        };
        let label = bytes.get(at + 46..at + 46 + name).ok_or_else(cut)?;
        let label = std::str::from_utf8(label).map_err(|_| cut())?;
        let (Some(0), Some(size), true) = (method, size, stored == size) else {
            return Err(format!("has the compressed member `{label}`, which PyTorch does not write"));
        };
        let extra_fields = bytes.get(at + 46 + name..at + 46 + name + extra).ok_or_else(cut)?;
        let [size, _, local] = widened(extra_fields, [size, size, local]).ok_or_else(cut)?;
        let length = |offset: usize| little(bytes, local.checked_add(offset)?, 2);
        let inner = length(26).zip(length(28)).ok_or_else(cut)?;
        let begin = local + 30 + inner.0 + inner.1;
        if bytes.get(begin..begin.saturating_add(size)).is_none() {
            return Err(cut());
        }
        members.insert(label.to_owned(), (begin, begin + size));
        at += 46 + name + extra + comment;
    }
    Ok(members)
}

/// How many members an archive has and where their directory begins, by the record that ends it or, where the numbers do
/// not fit that, by the wider one before it (APPNOTE.TXT 4.3.14 and 4.3.15).
fn directory(bytes: &[u8], end: usize) -> Option<(usize, usize)> {
    let (count, at) = (little(bytes, end.checked_add(10)?, 2)?, little(bytes, end.checked_add(16)?, 4)?);
    if count != NARROW_COUNT && at != NARROW_PLACE {
        return Some((count, at));
    }
    let locator = end.checked_sub(20)?;
    let record = little(bytes, locator + 8, 8)?;
    let marked = |at: usize, mark: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(mark));
    if !marked(locator, b"PK\x06\x07") || !marked(record, b"PK\x06\x06") {
        return None;
    }
    Some((little(bytes, record.checked_add(32)?, 8)?, little(bytes, record.checked_add(48)?, 8)?))
}

/// A member's size, stored size and place; those that do not fit their fields stand in the extra field 1 instead, in this
/// order (APPNOTE.TXT 4.5.3).
fn widened(mut extra: &[u8], values: [usize; 3]) -> Option<[usize; 3]> {
    if !values.contains(&NARROW_PLACE) {
        return Some(values);
    }
    while little(extra, 0, 2)? != 1 {
        extra = extra.get(4 + little(extra, 2, 2)?..)?;
    }
    let mut at = 4;
    let mut wide = values;
    for value in wide.iter_mut().filter(|value| **value == NARROW_PLACE) {
        *value = little(extra, at, 8)?;
        at += 8;
    }
    Some(wide)
}

/// A little-endian number of up to eight bytes.
fn little(bytes: &[u8], at: usize, width: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(width)?)?;
    Some(field.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
}

/// The pickle and the storages of an older file: magic number, version, system, tensors, and the keys of the
/// storages, which follow in that order, each after its number of elements.
fn row(bytes: &[u8]) -> Result<(Pickle<'_>, HashMap<String, Range>), String> {
    let mut rest = bytes;
    let mut next = || -> Result<Pickle<'_>, String> {
        let pickle = Pickle::read(rest)?;
        rest = rest.get(pickle.length..).unwrap_or_default();
        Ok(pickle)
    };
    for _ in ["magic number", "version", "system"] {
        next()?;
    }
    let (tensors, keys) = (next()?, next()?);
    let mut at = bytes.len() - rest.len();
    let types = storage_types(&tensors);
    let mut storages = HashMap::new();
    let Object::List(keys_in_order) = keys.get(keys.root()) else {
        return Err("does not say which storages it has".to_owned());
    };
    for &key in keys_in_order {
        let Object::Text(key) = keys.get(key) else { return Err("has a storage without a name".to_owned()) };
        let size = types.get(key).ok_or_else(|| format!("has a storage `{key}` that no tensor uses"))?.size();
        let count =
            bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()).map(|count| u64::from_le_bytes(*count));
        let length =
            count.and_then(|count| usize::try_from(count).ok()).and_then(|count| count.checked_mul(size));
        let range = length.and_then(|length| Some((at + 8, (at + 8).checked_add(length)?)));
        let (begin, end) = range
            .filter(|&(_, end)| end <= bytes.len())
            .ok_or_else(|| format!("is cut short: storage `{key}` is not all there"))?;
        storages.insert((*key).to_owned(), (begin, end));
        at = end;
    }
    Ok((tensors, storages))
}

/// The element type of every storage that a pickle speaks of.
fn storage_types<'a>(pickle: &Pickle<'a>) -> HashMap<&'a str, StoredType> {
    let storages = (0..pickle.count()).filter_map(|id| storage(pickle, id));
    storages.map(|storage| (storage.key, storage.dtype)).collect()
}

/// A run of elements that tensors are views of.
struct Storage<'a> {
    key: &'a str,
    dtype: StoredType,
}

/// The storage that an object stands for: `('storage', type, key, location, count)`.
fn storage<'a>(pickle: &Pickle<'a>, id: Id) -> Option<Storage<'a>> {
    let Object::Persistent(description) = pickle.get(id) else { return None };
    let [_, kind, key, ..] = pickle.tuple(*description)? else { return None };
    let (Object::Global("torch", kind), Object::Text(key)) = (pickle.get(*kind), pickle.get(*key)) else {
        return None;
    };
    let dtype = match *kind {
        "FloatStorage" => StoredType::F32,
        "HalfStorage" => StoredType::F16,
        "BFloat16Storage" => StoredType::BF16,
        "DoubleStorage" => StoredType::F64,
        "LongStorage" => StoredType::I64,
        "IntStorage" => StoredType::I32,
        "ShortStorage" => StoredType::I16,
        "CharStorage" => StoredType::I8,
        "ByteStorage" => StoredType::U8,
        "BoolStorage" => StoredType::BOOL,
        _ => return None,
    };
    Some(Storage { key, dtype })
}

/// Walks dictionaries and takes down the tensors in them.
struct Collector<'a> {
    pickle: &'a Pickle<'a>,
    storages: &'a HashMap<String, Range>,
    entries: BTreeMap<String, TensorEntry>,
    visited: usize,
}

impl Collector<'_> {
    fn collect(&mut self, id: Id, name: &str, depth: usize) -> Result<(), String> {
        self.visited += 1;
        if self.visited > MAX_PARTS {
            return Err(format!("holds more than {MAX_PARTS} objects"));
        }
        match self.pickle.get(id) {
            Object::Dict(items) if depth < MAX_DEPTH => {
                for &(key, value) in items {
                    let Object::Text(key) = self.pickle.get(key) else { continue };
                    let full = if name.is_empty() { (*key).to_owned() } else { format!("{name}.{key}") };
                    if full.len() > MAX_NAME {
                        return Err(format!("has a name of more than {MAX_NAME} bytes"));
                    }
                    self.collect(value, &full, depth + 1)?;
                }
            }
            &Object::Call(function, arguments) => self.call(function, arguments, name, depth)?,
            _ => {}
        }
        Ok(())
    }

    /// Takes down what a call would make, where that is a tensor.
    fn call(&mut self, function: Id, arguments: Id, name: &str, depth: usize) -> Result<(), String> {
        let arguments = self.pickle.tuple(arguments).unwrap_or_default();
        match (self.pickle.get(function), arguments) {
            (Object::Global("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2"), arguments) => {
                if let Some(entry) = self.view(arguments).map_err(|e| format!("tensor `{name}` {e}"))? {
                    self.entries.insert(name.to_owned(), entry);
                }
            }
            (Object::Global("torch._utils", "_rebuild_parameter"), &[tensor, ..]) if depth <= MAX_DEPTH => {
                self.collect(tensor, name, depth + 1)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The bytes of a tensor, from `(storage, offset, size, stride, ...)`; none for storages of unknown types.
    fn view(&self, arguments: &[Id]) -> Result<Option<TensorEntry>, String> {
        let &[run, offset, shape, strides, ..] = arguments else {
            return Err("is described by too little".to_owned());
        };
        let Some(Storage { key, dtype }) = storage(self.pickle, run) else { return Ok(None) };
        let numbers = (self.pickle.size(offset), self.pickle.sizes(shape), self.pickle.sizes(strides));
        let (Some(offset), Some(shape), Some(strides)) = numbers else {
            return Err("has a size or stride that is not a whole number".to_owned());
        };
        let &(begin, end) =
            self.storages.get(key).ok_or_else(|| format!("lies in storage `{key}`, which is missing"))?;
        let entry = TensorEntry { dtype, shape, data_offsets: (0, 0) };
        let size = entry.size()?;
        if !is_contiguous(&entry.shape, &strides) {
            return Err("is stored transposed or with gaps; convert the file to safetensors".to_owned());
        }
        let first = offset.checked_mul(dtype.size()).and_then(|offset| offset.checked_add(begin));
        let range = first.and_then(|first| Some((first, first.checked_add(size)?)));
        match range {
            Some(range) if range.1 <= end => Ok(Some(TensorEntry { data_offsets: range, ..entry })),
            _ => Err(format!("reaches beyond its storage `{key}`")),
        }
    }
}

/// True if elements follow each other in row-major order.
fn is_contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut step = 1usize;
    shape.len() == strides.len()
        && shape.iter().zip(strides).rev().all(|(&length, &stride)| {
            let fits = length <= 1 || stride == step;
            step = step.saturating_mul(length);
            fits
        })
}
