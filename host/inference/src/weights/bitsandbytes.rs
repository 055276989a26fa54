//! Matrices that bitsandbytes packed to 4 bits (NF4 and FP4) in safetensors files, under their true shapes.
//!
//! Beside the codes of `<layer>.weight` a file holds `.quant_map`, the number that each code stands for, `.absmax`, the
//! scale of each block, and `.quant_state.bitsandbytes__nf4` (or `__fp4`), a JSON text with the shape and the size of
//! the blocks. Scales may be codes of 8 bits in turn, for which `.nested_absmax`, `.nested_quant_map` and the text's
//! `nested_offset` stand (`QuantState` in `functional.py`; Dettmers et al., arXiv 2305.14314).

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use memmap2::Mmap;
use serde::Deserialize;

use super::tensor_file::{Contents, StoredType, TensorEntry};
use crate::tensor::{CodeMatrix, SharedBytes};

/// How the key ends that holds a matrix's description.
const STATES: [&str; 2] = [".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4"];
/// Longest description.
const MAX_STATE: usize = 1 << 16;
/// Largest blocks.
const MAX_BLOCK: usize = 1 << 16;
/// Largest number of rows and of columns.
const MAX_SIZE: usize = 1 << 24;
/// Numbers in the table of scales that are codes.
const NESTED_CODES: usize = 256;

/// What the description says.
#[derive(Deserialize)]
struct State {
    blocksize: usize,
    shape: Vec<usize>,
    nested_blocksize: Option<usize>,
    nested_offset: Option<f32>,
}

/// A packed matrix in a file whose parts fit each other. Ranges are those of bytes in the file.
#[derive(Debug, Clone)]
pub(super) struct PackedEntry {
    columns: usize,
    block: usize,
    codes: Range<usize>,
    table: [f32; 16],
    scales: Scales,
}

#[derive(Debug, Clone)]
enum Scales {
    /// In f32.
    Numbers(Range<usize>),
    /// Codes of a table, times the scale of their block, plus an offset.
    Codes { codes: Range<usize>, table: Range<usize>, outer: Range<usize>, block: usize, offset: f32 },
}

/// Finds the packed matrices of a file. Their entries get the true shapes, and what lies beside them is no tensor of
/// its own any more.
pub(super) fn gather(
    contents: &mut Contents,
    bytes: &[u8],
) -> std::result::Result<BTreeMap<String, PackedEntry>, String> {
    let mut found = BTreeMap::new();
    let names: Vec<String> = contents
        .entries
        .keys()
        .filter_map(|name| STATES.iter().find_map(|state| name.strip_suffix(state)))
        .map(str::to_owned)
        .collect();
    for name in names {
        let packed = Parts { contents, bytes, name: &name }
            .read()
            .map_err(|problem| format!("tensor `{name}`, packed by bitsandbytes: {problem}"))?;
        let rows = 2 * packed.codes.len() / packed.columns;
        let beside = format!("{name}.");
        contents.entries.retain(|other, _| !other.starts_with(&beside));
        if let Some(entry) = contents.entries.get_mut(&name) {
            entry.dtype = StoredType::Packed4;
            entry.shape = vec![rows, packed.columns];
        }
        found.insert(name, packed);
    }
    Ok(found)
}

/// The tensors that make up a packed matrix.
struct Parts<'a> {
    contents: &'a Contents,
    bytes: &'a [u8],
    name: &'a str,
}

impl Parts<'_> {
    fn read(&self) -> std::result::Result<PackedEntry, String> {
        let state = STATES.iter().find_map(|ending| self.find(ending)).ok_or("has no description")?;
        let text =
            self.bytes(state).filter(|text| text.len() <= MAX_STATE).ok_or("its description is too long")?;
        let state: State =
            serde_json::from_slice(text).map_err(|e| format!("its description does not parse: {e}"))?;
        let &[rows, columns] = state.shape.as_slice() else {
            return Err(format!("has the shape {:?}, only matrices can be packed", state.shape));
        };
        let block = state.blocksize;
        let fits = (1..=MAX_SIZE).contains(&rows)
            && (1..=MAX_SIZE).contains(&columns)
            && (2..=MAX_BLOCK).contains(&block)
            && columns.is_multiple_of(2)
            && block.is_multiple_of(2);
        if !fits {
            return Err(format!("{rows} by {columns} in blocks of {block} is not supported"));
        }
        let numbers = rows * columns;
        let blocks = numbers.div_ceil(block);
        let codes = self.part("", StoredType::U8, numbers / 2)?;
        let table = self.numbers(&self.part(".quant_map", StoredType::F32, 16)?);
        let table = <[f32; 16]>::try_from(table).map_err(|_| "its table is not of 16 numbers")?;
        let scales = match state.nested_blocksize {
            None => Scales::Numbers(self.part(".absmax", StoredType::F32, blocks)?),
            Some(outer_block) => {
                if !(1..=MAX_BLOCK).contains(&outer_block) {
                    return Err(format!("scales in blocks of {outer_block} are not supported"));
                }
                Scales::Codes {
                    codes: self.part(".absmax", StoredType::U8, blocks)?,
                    table: self.part(".nested_quant_map", StoredType::F32, NESTED_CODES)?,
                    outer: self.part(".nested_absmax", StoredType::F32, blocks.div_ceil(outer_block))?,
                    block: outer_block,
                    offset: state.nested_offset.unwrap_or_default(),
                }
            }
        };
        Ok(PackedEntry { columns, block, codes, table, scales })
    }

    fn find(&self, ending: &str) -> Option<&TensorEntry> {
        self.contents.entries.get(&format!("{}{ending}", self.name))
    }

    /// Where the elements of a part lie, of which there must be so many of this type.
    fn part(
        &self,
        ending: &str,
        dtype: StoredType,
        count: usize,
    ) -> std::result::Result<Range<usize>, String> {
        let entry = self.find(ending).ok_or_else(|| format!("has no `{ending}`"))?;
        let range = self.range(entry);
        if entry.dtype != dtype || range.len() != count * dtype.size() {
            let (dtype, shape) = (entry.dtype, &entry.shape);
            return Err(format!("its `{ending}` is {dtype:?} {shape:?}, where {count} numbers are needed"));
        }
        Ok(range)
    }

    fn range(&self, entry: &TensorEntry) -> Range<usize> {
        let (begin, end) = entry.data_offsets;
        self.contents.data_start + begin..self.contents.data_start + end
    }

    fn bytes(&self, entry: &TensorEntry) -> Option<&[u8]> {
        self.bytes.get(self.range(entry))
    }

    fn numbers(&self, range: &Range<usize>) -> Vec<f32> {
        numbers(self.bytes, range)
    }
}

fn numbers(bytes: &[u8], range: &Range<usize>) -> Vec<f32> {
    let bytes = bytes.get(range.clone()).unwrap_or_default();
    bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect()
}

impl PackedEntry {
    /// Bytes that the matrix takes once loaded: codes as in the file, a number for each scale.
    pub(super) fn loaded_bytes(&self) -> u64 {
        let blocks = (2 * self.codes.len()).div_ceil(self.block);
        (self.codes.len() + 4 * blocks) as u64
    }

    /// Opens the matrix in its mapped file: its codes stay there, its scales are copied.
    fn open(&self, map: &Arc<Mmap>) -> PackedMatrix {
        let file: Arc<Mmap> = Arc::clone(map);
        PackedMatrix {
            codes: SharedBytes::whole(file).stretch(self.codes.start, self.codes.len()),
            scales: self.scales.read(map),
            table: self.table,
            block: self.block,
            columns: self.columns,
        }
    }
}

impl Scales {
    fn read(&self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::Numbers(range) => numbers(bytes, range),
            Self::Codes { codes, table, outer, block, offset } => {
                let (table, outer) = (numbers(bytes, table), numbers(bytes, outer));
                let codes = bytes.get(codes.clone()).unwrap_or_default();
                let scale = |(place, code): (usize, &u8)| {
                    let number = table.get(usize::from(*code)).copied().unwrap_or_default();
                    number * outer.get(place / block).copied().unwrap_or_default() + offset
                };
                codes.iter().enumerate().map(scale).collect()
            }
        }
    }
}

/// A packed matrix, its codes in the file.
struct PackedMatrix {
    codes: SharedBytes,
    scales: Vec<f32>,
    table: [f32; 16],
    block: usize,
    columns: usize,
}

/// Rows of a packed matrix.
#[derive(Clone)]
pub(crate) struct PackedRows {
    matrix: Arc<PackedMatrix>,
    rows: Range<usize>,
}

impl PackedRows {
    /// Some rows of a packed matrix in its mapped file, as far as it has them.
    pub(super) fn open(entry: &PackedEntry, map: &Arc<Mmap>, rows: Range<usize>) -> Self {
        Self { matrix: Arc::new(entry.open(map)), rows }
    }

    /// How many rows there are, and the numbers in each.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.rows.len(), self.matrix.columns)
    }

    /// The rows as the kernel takes them.
    ///
    /// # Errors
    /// The file has fewer rows.
    pub(crate) fn codes(&self) -> Result<CodeMatrix<'_>> {
        let PackedMatrix { codes, scales, table, block, columns } = self.matrix.as_ref();
        let bytes = self.rows.start * columns / 2..self.rows.end * columns / 2;
        let codes = codes.get().get(bytes).unwrap_or_default();
        CodeMatrix::new(codes, scales, table, (*block, self.rows.start * columns, *columns))
    }

    /// The rows in f32.
    ///
    /// # Errors
    /// As [`PackedRows::codes`].
    pub(crate) fn dense(&self, device: &Device) -> Result<Tensor> {
        Tensor::from_vec(self.codes()?.unpack(), self.size(), device)
    }
}
