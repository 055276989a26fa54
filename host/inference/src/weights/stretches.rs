//! Tensors that are made of rows of others: files of a model's makers hold side by side what libraries hold apart, and
//! apart what these hold in another order.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use candle_core::quantized::GgmlDType;

use super::Loaded;
use super::gguf::{GgufEntry, GgufFile, MappedBytes};

/// Bytes of a number in memory.
const NUMBER_BYTES: usize = 4;

/// A share of a stored tensor's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) name: String,
    /// The share begins and ends after so many ...
    from: usize,
    to: usize,
    /// ... of this many equal parts.
    of: usize,
}

impl Stretch {
    /// All rows.
    pub(super) fn whole(name: &str) -> Self {
        Self { name: name.to_owned(), from: 0, to: 1, of: 1 }
    }

    /// The rows of a tensor of a shape.
    pub(super) fn rows(&self, shape: &[usize]) -> Range<usize> {
        let rows = shape.first().copied().unwrap_or(0);
        rows * self.from / self.of..rows * self.to / self.of
    }
}

/// Names of tensors, and the rows of stored ones that they are made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyMap(BTreeMap<String, Vec<Stretch>>);

impl KeyMap {
    pub(super) fn get(&self, name: &str) -> Option<Vec<Stretch>> {
        self.0.get(name).cloned()
    }

    /// A tensor under another name.
    pub(crate) fn tensor(&mut self, name: impl Into<String>, stored: impl Into<String>) {
        self.0.insert(name.into(), vec![Stretch { name: stored.into(), from: 0, to: 1, of: 1 }]);
    }

    /// A layer's weight and bias under another name.
    pub(crate) fn layer(&mut self, name: &str, stored: &str) {
        self.share(name, stored, 0..1, 1);
    }

    /// A layer whose outputs are a share of a stored one's: parts from and to, of so many equal ones.
    pub(crate) fn share(&mut self, name: &str, stored: &str, parts: Range<usize>, of: usize) {
        for kind in ["weight", "bias"] {
            let stretch = Stretch { name: format!("{stored}.{kind}"), from: parts.start, to: parts.end, of };
            self.0.insert(format!("{name}.{kind}"), vec![stretch]);
        }
    }

    /// Layers whose outputs lie side by side in a stored one, equal parts each.
    pub(crate) fn shares(&mut self, names: &[String], stored: &str) {
        for (part, name) in names.iter().enumerate() {
            self.share(name, stored, part..part + 1, names.len());
        }
    }

    /// A layer whose outputs are those of a stored one with both halves exchanged.
    pub(crate) fn halves_exchanged(&mut self, name: &str, stored: &str) {
        for kind in ["weight", "bias"] {
            let half = |from| Stretch { name: format!("{stored}.{kind}"), from, to: from + 1, of: 2 };
            self.0.insert(format!("{name}.{kind}"), vec![half(1), half(0)]);
        }
    }

    /// The same map to names that begin with a prefix.
    pub(crate) fn below(mut self, prefix: &str) -> Self {
        for stretch in self.0.values_mut().flatten() {
            stretch.name.insert_str(0, prefix);
        }
        self
    }
}

/// Rows of a quantised matrix in a GGUF file.
#[derive(Clone)]
pub(crate) struct StoredRows {
    /// How they are stored.
    pub(crate) dtype: GgmlDType,
    /// Their bytes, in the file.
    pub(crate) bytes: MappedBytes,
    /// How many they are.
    pub(crate) count: usize,
    /// Elements of a row.
    pub(crate) width: usize,
}

impl StoredRows {
    /// A stretch of a tensor of a shape; none unless it is a quantised matrix.
    pub(super) fn of(file: &Arc<GgufFile>, stretch: &Stretch, shape: &[usize]) -> Loaded<Option<Self>> {
        let &[_, width] = shape else { return Ok(None) };
        let (entry, bytes) = file.bytes(&stretch.name, shape)?;
        if is_plain(entry.dtype) || entry.dtype.block_size() == 0 {
            return Ok(None);
        }
        let rows = stretch.rows(shape);
        let row = width / entry.dtype.block_size() * entry.dtype.type_size();
        let bytes = bytes.stretch(rows.start * row, rows.len() * row);
        Ok(Some(Self { dtype: entry.dtype, bytes, count: rows.len(), width }))
    }

    /// Bytes that a tensor takes once loaded: a quantised matrix as many as in the file.
    pub(super) fn loaded_bytes(entry: &GgufEntry) -> u64 {
        if entry.shape.len() == 2 && !is_plain(entry.dtype) {
            return entry.bytes() as u64;
        }
        entry.shape.iter().map(|&dim| dim as u64).product::<u64>() * NUMBER_BYTES as u64
    }
}

/// True for types that hold a number each.
fn is_plain(dtype: GgmlDType) -> bool {
    matches!(dtype, GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16)
}
