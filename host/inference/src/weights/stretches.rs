//! Tensors that are made of rows of others: files of a model's makers hold side by side what libraries hold apart, and
//! apart what these hold in another order.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor};

use super::Loaded;
use super::bitsandbytes::PackedRows;
use super::gguf::{GgufEntry, GgufFile, precision};
use crate::tensor::SharedBytes;

/// Bytes of a number in memory.
const NUMBER_BYTES: u64 = 4;

/// Bytes of a tensor in f32.
pub(super) fn number_bytes(shape: &[usize]) -> u64 {
    shape.iter().map(|&dim| dim as u64).product::<u64>() * NUMBER_BYTES
}

/// Bytes of a tensor in a type: vectors are in f32, whatever the type of matrices and kernels.
pub(super) fn typed_bytes(shape: &[usize], dtype: DType) -> u64 {
    let size = if shape.len() > 1 { dtype.size_in_bytes() as u64 } else { NUMBER_BYTES };
    number_bytes(shape) / NUMBER_BYTES * size
}

/// True for weights that layers use as the file holds them, where they are held in no type: matrices and kernels.
pub(super) fn stays_stored(shape: &[usize]) -> bool {
    shape.len() > 1
}

/// A share of a stored tensor's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) name: String,
    /// The share begins and ends after so many ...
    from: usize,
    to: usize,
    /// ... of this many equal parts.
    of: usize,
    /// True if rows and columns change places once it is cut out.
    pub(super) transposed: bool,
}

impl Stretch {
    /// All rows.
    pub(super) fn whole(name: &str) -> Self {
        Self::part(name, 0..1, 1)
    }

    /// Parts from and to, of so many equal ones.
    fn part(name: impl Into<String>, parts: Range<usize>, of: usize) -> Self {
        Self { name: name.into(), from: parts.start, to: parts.end, of, transposed: false }
    }

    /// True if it is the stored tensor as it is.
    pub(super) fn is_whole(&self) -> bool {
        (self.from, self.to) == (0, self.of) && !self.transposed
    }

    /// Its share of what the stored tensor takes.
    pub(super) fn share_of(&self, whole: u64) -> u64 {
        whole / self.of.max(1) as u64 * (self.to - self.from) as u64
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
    pub(super) fn get(&self, name: &str) -> Option<&[Stretch]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// The names that it gives, with what each is made of.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[Stretch])> {
        self.0.iter().map(|(name, stretches)| (name.as_str(), stretches.as_slice()))
    }

    /// A tensor under another name.
    pub(crate) fn tensor(&mut self, name: impl Into<String>, stored: impl Into<String>) {
        self.0.insert(name.into(), vec![Stretch::part(stored, 0..1, 1)]);
    }

    /// A matrix whose rows are the columns of a stored one.
    pub(crate) fn transposed(&mut self, name: impl Into<String>, stored: impl Into<String>) {
        let stretch = Stretch { transposed: true, ..Stretch::part(stored, 0..1, 1) };
        self.0.insert(name.into(), vec![stretch]);
    }

    /// Tensors that lie one after the other in a stored one, equal parts each.
    pub(crate) fn thirds(&mut self, names: [String; 3], stored: &str) {
        for (part, name) in names.into_iter().enumerate() {
            self.0.insert(name, vec![Stretch::part(stored, part..part + 1, 3)]);
        }
    }

    /// A layer's weight and bias under another name.
    pub(crate) fn layer(&mut self, name: &str, stored: &str) {
        self.share(name, stored, 0..1, 1);
    }

    /// A layer whose outputs are a share of a stored one's: parts from and to, of so many equal ones.
    pub(crate) fn share(&mut self, name: &str, stored: &str, parts: Range<usize>, of: usize) {
        for kind in ["weight", "bias"] {
            let stretch = Stretch::part(format!("{stored}.{kind}"), parts.clone(), of);
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
            let half = |from| Stretch::part(format!("{stored}.{kind}"), from..from + 1, 2);
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

/// Rows of a packed matrix in a file.
#[derive(Clone)]
pub(crate) enum StoredRows {
    /// In blocks of a GGUF file.
    Blocks(BlockRows),
    /// In codes of bitsandbytes.
    Codes(PackedRows),
}

impl StoredRows {
    /// How many they are.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Blocks(rows) => rows.count,
            Self::Codes(rows) => rows.size().0,
        }
    }

    /// Elements of a row.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Blocks(rows) => rows.width,
            Self::Codes(rows) => rows.size().1,
        }
    }

    /// True for codes of bitsandbytes.
    pub(super) fn is_coded(&self) -> bool {
        matches!(self, Self::Codes(_))
    }

    /// The rows in f32.
    ///
    /// # Errors
    /// They cannot be unpacked.
    pub(crate) fn dense(&self, device: &Device) -> Result<Tensor> {
        match self {
            Self::Blocks(rows) => rows.on(device)?.dequantize(device),
            Self::Codes(rows) => rows.dense(device),
        }
    }
}

/// Rows of a quantised matrix, in a GGUF file or in memory.
#[derive(Clone)]
pub(crate) struct BlockRows {
    /// How they are stored.
    pub(crate) dtype: GgmlDType,
    /// Their bytes.
    pub(crate) bytes: SharedBytes,
    /// How many they are.
    pub(crate) count: usize,
    /// Elements of a row.
    pub(crate) width: usize,
}

impl BlockRows {
    /// A stretch of a tensor of a shape; none unless it is a quantised matrix.
    pub(super) fn of(file: &Arc<GgufFile>, stretch: &Stretch, shape: &[usize]) -> Loaded<Option<Self>> {
        let &[_, width] = shape else { return Ok(None) };
        let (entry, bytes) = file.bytes(&stretch.name, shape)?;
        if stretch.transposed || !has_rows_of_blocks(entry) {
            return Ok(None);
        }
        let rows = stretch.rows(shape);
        let row = width / entry.dtype.block_size() * entry.dtype.type_size();
        let bytes = bytes.stretch(rows.start * row, rows.len() * row);
        Ok(Some(Self { dtype: entry.dtype, bytes, count: rows.len(), width }))
    }

    /// The rows as a tensor of their own on a device.
    pub(crate) fn on(&self, device: &Device) -> Result<QTensor> {
        let storage = QStorage::from_data(self.bytes.get().into(), device, self.dtype)?;
        QTensor::new(storage, (self.count, self.width))
    }

    /// Bytes that a tensor of a GGUF file takes once loaded, other than quantised matrices in a type: these as many as in
    /// the file.
    pub(super) fn loaded_bytes(entry: &GgufEntry, dtype: Option<DType>) -> u64 {
        let stays = match precision(entry.dtype) {
            Some(_) => dtype.is_none() && stays_stored(&entry.shape),
            None => entry.shape.len() == 2 && has_rows_of_blocks(entry),
        };
        match dtype {
            _ if stays => entry.bytes() as u64,
            Some(dtype) => typed_bytes(&entry.shape, dtype),
            None => number_bytes(&entry.shape),
        }
    }
}

/// True for quantised tensors whose rows are whole blocks.
fn has_rows_of_blocks(entry: &GgufEntry) -> bool {
    let width = entry.shape.last().copied().unwrap_or_default();
    precision(entry.dtype).is_none() && width > 0 && width.checked_rem(entry.dtype.block_size()) == Some(0)
}
