//! Linear layers on quantised blocks as GGUF files store them, without unpacking: the input is quantised to 8 bits
//! in blocks too, and products of blocks are sums of whole numbers.
//!
//! Formats: `block_q4_0`, `block_q4_1` and `block_q8_0` of ggml-common.h, 32 elements each.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod input;
mod plain;
#[cfg(target_arch = "x86_64")]
mod vnni;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{SharedOutput, elements};
use input::QuantizedInput;

/// Elements of a block.
const BLOCK: usize = 32;
/// Rows of a matrix and of the input that one task multiplies.
const ROW_TILE: usize = 96;
const INPUT_TILE: usize = 16;
/// Rows of the input that a task multiplies which repacks rows of the matrix.
#[cfg(target_arch = "x86_64")]
const MANY_INPUTS: usize = 1536;

/// How a block is stored. All begin with a scale in half precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// 4 bits, less 8: the low halves of 16 bytes, then the high ones.
    Q4_0,
    /// 4 bits with an offset in half precision: the low halves of 16 bytes, then the high ones.
    Q4_1,
    /// 8 bits, signed.
    Q8_0,
}

impl BlockKind {
    /// Bytes of a block.
    pub fn bytes(self) -> usize {
        match self {
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q8_0 => 34,
        }
    }
}

/// A matrix (rows, width) of blocks along its rows.
#[derive(Debug, Clone, Copy)]
pub struct BlockMatrix<'a> {
    kind: BlockKind,
    bytes: &'a [u8],
    rows: usize,
    width: usize,
}

impl<'a> BlockMatrix<'a> {
    /// A matrix over its bytes.
    ///
    /// # Errors
    /// The width does not divide into blocks, or there are not as many bytes as the shape needs.
    pub fn new(kind: BlockKind, bytes: &'a [u8], rows: usize, width: usize) -> Result<Self> {
        let needed = (width / BLOCK).checked_mul(kind.bytes()).and_then(|row| row.checked_mul(rows));
        if width == 0 || !width.is_multiple_of(BLOCK) || needed != Some(bytes.len()) {
            bail!("{} bytes are no {rows}x{width} matrix of {kind:?}", bytes.len());
        }
        Ok(Self { kind, bytes, rows, width })
    }

    fn row_bytes(&self) -> usize {
        self.width / BLOCK * self.kind.bytes()
    }
}

/// `x` (..., width), f32 on the CPU, times the transposes of matrices of that width, whose outputs lie side by side:
/// (..., rows of all).
pub fn block_linear(x: &Tensor, parts: &[BlockMatrix]) -> Result<Tensor> {
    x.contiguous()?.apply_op1_no_bwd(&BlockLinear { parts })
}

struct BlockLinear<'a> {
    parts: &'a [BlockMatrix<'a>],
}

impl CustomOp1 for BlockLinear<'_> {
    fn name(&self) -> &'static str {
        "block-linear"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = elements(x, layout, self.name())?;
        let width = layout.dims().last().copied().unwrap_or(0);
        if width == 0 || self.parts.iter().any(|part| part.width != width) {
            bail!("block linear: a matrix does not fit {:?}", layout.dims());
        }
        let out: usize = self.parts.iter().map(|part| part.rows).sum();
        let input = QuantizedInput::new(x, width);
        let rows = x.len() / width;
        let mut y = Vec::with_capacity(rows * out);
        let target = Target { data: SharedOutput(y.as_mut_ptr()), stride: out };
        self.multiply(&input, rows, target);
        // SAFETY: the pieces of the matrices are all columns, and each is multiplied with all rows.
        unsafe { y.set_len(rows * out) };
        let mut dims = layout.dims().to_vec();
        if let Some(last) = dims.last_mut() {
            *last = out;
        }
        Ok((CpuStorage::F32(y), Shape::from(dims)))
    }
}

impl BlockLinear<'_> {
    /// Multiplies all input rows with all matrices, in the way that suits their number.
    fn multiply(&self, input: &QuantizedInput, rows: usize, target: Target) {
        #[cfg(target_arch = "x86_64")]
        if rows >= vnni::LEAST_ROWS && vnni::available() && self.parts.iter().all(vnni::takes) {
            let pieces = self.pieces(vnni::STRIP);
            let inputs = rows.div_ceil(MANY_INPUTS);
            let tasks = (0..pieces.len() * inputs).into_par_iter();
            return tasks.for_each_init(vnni::Packed::default, |packed, task| {
                let Some(&Piece { kind, bytes, column }) = pieces.get(task / inputs) else { return };
                let first = task % inputs * MANY_INPUTS;
                let strip = vnni::Strip { kind, bytes, column, first, last: rows.min(first + MANY_INPUTS) };
                // SAFETY: the processor has the instructions; strips are disjoint parts of the output, whose rows and
                // columns they were cut from.
                unsafe { strip.multiply(input, target, packed) };
            });
        }
        let pieces = self.pieces(ROW_TILE);
        let inputs = rows.div_ceil(INPUT_TILE);
        (0..pieces.len() * inputs).into_par_iter().for_each(|task| {
            let Some(&Piece { kind, bytes, column }) = pieces.get(task / inputs) else { return };
            let first = task % inputs * INPUT_TILE;
            let tile = Tile { kind, bytes, column, first, last: rows.min(first + INPUT_TILE) };
            // SAFETY: tiles are disjoint parts of the output, whose rows and columns they were cut from.
            unsafe { tile.multiply(input, target) };
        });
    }

    /// The matrices in pieces of some rows.
    fn pieces(&self, rows: usize) -> Vec<Piece<'_>> {
        let mut pieces = Vec::new();
        let mut column = 0;
        for part in self.parts {
            for row in (0..part.rows).step_by(rows) {
                let last = part.rows.min(row + rows);
                let bytes = part.bytes.get(row * part.row_bytes()..last * part.row_bytes());
                let bytes = bytes.unwrap_or_default();
                pieces.push(Piece { kind: part.kind, bytes, column: column + row });
            }
            column += part.rows;
        }
        pieces
    }
}

/// Some rows of a matrix.
#[derive(Clone, Copy)]
struct Piece<'a> {
    kind: BlockKind,
    bytes: &'a [u8],
    /// Column of the output that the first row goes to.
    column: usize,
}

/// Where results go: rows of `stride` columns.
#[derive(Clone, Copy)]
struct Target {
    data: SharedOutput,
    stride: usize,
}

impl Target {
    /// Where the result of a row and column goes.
    ///
    /// # Safety
    /// As [`Target::set`].
    #[cfg(target_arch = "x86_64")]
    unsafe fn at(self, row: usize, column: usize) -> *mut f32 {
        // SAFETY: the caller keeps row and column within the output.
        unsafe { self.data.at(row * self.stride + column) }
    }

    /// Writes one result.
    ///
    /// # Safety
    /// Row and column must lie within the output and belong to the caller's tile.
    unsafe fn set(self, row: usize, column: usize, value: f32) {
        // SAFETY: the caller keeps row and column within the output.
        unsafe { self.data.at(row * self.stride + column).write(value) };
    }
}

/// Some rows of a matrix and some rows of the input.
struct Tile<'a> {
    kind: BlockKind,
    bytes: &'a [u8],
    /// Column of the output that the first matrix row goes to.
    column: usize,
    first: usize,
    last: usize,
}

impl Tile<'_> {
    /// Multiplies every matrix row with every input row.
    ///
    /// # Safety
    /// The output must have the rows and columns of the tile, which no other task touches.
    unsafe fn multiply(&self, input: &QuantizedInput, target: Target) {
        #[cfg(target_arch = "x86_64")]
        if avx2::available() {
            // SAFETY: the processor has just been found to have the features; the caller answers for the output.
            unsafe { avx2::multiply(self, input, target) };
            return;
        }
        // SAFETY: the caller answers for the output.
        unsafe { plain::multiply(self, input, target) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::quantized::{GgmlDType, QTensor};
    use candle_core::{DType, Device};

    const KINDS: [(BlockKind, GgmlDType); 3] = [
        (BlockKind::Q4_0, GgmlDType::Q4_0),
        (BlockKind::Q4_1, GgmlDType::Q4_1),
        (BlockKind::Q8_0, GgmlDType::Q8_0),
    ];

    fn wave(shape: (usize, usize), step: f64) -> Tensor {
        let values: Vec<f32> =
            (0..shape.0 * shape.1).map(|i| (3.0 * (i as f64 * step).sin()) as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// The input that products are made of, in f64.
    fn rounded(x: &Tensor) -> Tensor {
        let (rows, width) = x.dims2().unwrap();
        let input = QuantizedInput::new(&x.flatten_all().unwrap().to_vec1().unwrap(), width);
        let values = (0..rows).flat_map(|row| {
            let blocks = input.row(row).iter();
            blocks.flat_map(|block| block.values.map(|value| f64::from(value) * f64::from(block.step)))
        });
        Tensor::from_iter(values, &Device::Cpu).unwrap().reshape((rows, width)).unwrap()
    }

    fn largest(x: &Tensor) -> f32 {
        x.abs().unwrap().max_all().unwrap().to_scalar().unwrap()
    }

    #[test]
    fn products_are_those_of_the_unpacked_matrices() {
        for (rows, out, width) in [(1, 200, 576), (3, 5, 32), (40, 131, 96)] {
            let x = wave((rows, width), 0.37);
            let stored = KINDS.map(|(_, dtype)| QTensor::quantize(&wave((out, width), 0.11), dtype).unwrap());
            let bytes = stored.each_ref().map(|stored| stored.data().unwrap());
            let parts: Vec<_> = KINDS
                .iter()
                .zip(&bytes)
                .map(|((kind, _), bytes)| BlockMatrix::new(*kind, bytes, out, width).unwrap())
                .collect();
            let joined = block_linear(&x, &parts).unwrap();
            let x = rounded(&x);
            for (place, stored) in stored.iter().enumerate() {
                let weight = stored.dequantize(&Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
                let wanted = x.matmul(&weight.t().unwrap()).unwrap().to_dtype(DType::F32).unwrap();
                let ours = joined.narrow(1, place * out, out).unwrap();
                let gap = largest(&(ours - &wanted).unwrap()) / largest(&wanted);
                assert!(gap < 1e-5, "{:?}, {rows}x{width}x{out}: {gap}", KINDS[place].0);
            }
        }
    }

    #[test]
    fn wide_registers_give_the_same_bits() {
        for (kind, dtype) in KINDS {
            let (rows, out, width) = (5, 40, 160);
            let (x, weight) = (wave((rows, width), 0.37), wave((out, width), 0.11));
            let stored = QTensor::quantize(&weight, dtype).unwrap();
            let bytes = stored.data().unwrap();
            let input = QuantizedInput::new(&x.flatten_all().unwrap().to_vec1().unwrap(), width);
            let tile = Tile { kind, bytes: &bytes, column: 0, first: 0, last: rows };
            let run = |multiply: unsafe fn(&Tile, &QuantizedInput, Target)| {
                let mut y = vec![0f32; rows * out];
                // SAFETY: the output has the rows and columns of the tile.
                unsafe {
                    multiply(&tile, &input, Target { data: SharedOutput(y.as_mut_ptr()), stride: out })
                };
                y
            };
            let plain = run(plain::multiply);
            assert!(plain.iter().any(|v| *v != 0.0));
            let chosen = run(|tile, input, target| {
                // SAFETY: as above.
                unsafe { tile.multiply(input, target) }
            });
            assert_eq!(plain, chosen, "{kind:?}");
        }
    }

    #[test]
    fn bytes_that_do_not_fit_the_shape_are_refused() {
        assert!(BlockMatrix::new(BlockKind::Q4_1, &[0; 20], 1, 32).is_ok());
        for (bytes, rows, width) in [(20, 1, 31), (19, 1, 32), (20, 2, 32), (0, 1, 0), (20, usize::MAX, 64)] {
            assert!(BlockMatrix::new(BlockKind::Q4_1, &vec![0; bytes], rows, width).is_err());
        }
    }
}
