//! Products of 8-bit blocks with many input rows, on processors with AVX-512 VNNI: 32 matrix rows and six input rows at a
//! time, whose sums stay in registers.
//!
//! The instruction multiplies bytes without sign by bytes with one, so 128 is added to the weights, and 128 times the sum
//! of the inputs taken away again. Matrix rows are repacked for a task: four neighbouring weights of 16 rows in a
//! register. Sums of a block are whole numbers; those over blocks are in f32, in the order of the blocks.

use std::arch::x86_64::{
    __m512, __m512i, _mm512_add_epi32, _mm512_and_si512, _mm512_cvtepi32_epi16, _mm512_cvtepi32_ps,
    _mm512_cvtph_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_load_ps, _mm512_load_si512,
    _mm512_mask_i32gather_epi32, _mm512_mask_storeu_ps, _mm512_mul_ps, _mm512_mullo_epi32, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setr_epi32, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_srli_epi32,
    _mm512_store_ps, _mm512_store_si512, _mm512_xor_si512,
};

use super::input::{InputBlock, QuantizedInput};
use super::{BLOCK, BlockKind, BlockMatrix, Target};

/// Fewest input rows for which repacking is worth it.
pub(super) const LEAST_ROWS: usize = 8;
/// Matrix rows that one task repacks.
pub(super) const STRIP: usize = 64;
/// Matrix rows of a register.
const LANES: usize = 16;
/// Registers of matrix rows that are multiplied together.
const REGISTERS: usize = 2;
/// Matrix rows that are multiplied together.
const ROWS: usize = LANES * REGISTERS;
/// Input rows that are multiplied together.
const TOKENS: usize = 6;
/// Longest matrix row: places in a register's rows are 32-bit numbers.
const MOST_ROW_BYTES: usize = 1 << 26;
/// Registers of four weights each in a block.
const QUADS: usize = BLOCK / 4;

/// True on processors that [`Strip::multiply`] runs on.
pub(super) fn available() -> bool {
    std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512vnni")
}

/// True for matrices that are repacked.
pub(super) fn takes(part: &BlockMatrix) -> bool {
    matches!(part.kind, BlockKind::Q8_0 | BlockKind::Q4_0) && part.row_bytes() <= MOST_ROW_BYTES
}

/// Some rows of a matrix and some rows of the input.
pub(super) struct Strip<'a> {
    pub(super) kind: BlockKind,
    /// The bytes of the matrix rows, at most [`STRIP`] of them.
    pub(super) bytes: &'a [u8],
    /// Column of the output that the first matrix row goes to.
    pub(super) column: usize,
    pub(super) first: usize,
    pub(super) last: usize,
}

/// Sixteen lanes in the order in which registers are loaded.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line<T>([T; LANES]);

/// Repacked matrix rows, [`ROWS`] at a time.
#[derive(Default)]
pub(super) struct Packed {
    /// For each block, quad and register, four weights of each row.
    weights: Vec<Line<[u8; 4]>>,
    /// For each block and register, a scale of each row.
    scales: Vec<Line<f32>>,
}

impl Packed {
    /// Repacks at most [`ROWS`] rows; what is missing to whole registers has the scale 0.
    ///
    /// # Safety
    /// The processor must be one that is [`available`].
    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn fill(&mut self, kind: BlockKind, rows: &[u8], row_bytes: usize, blocks: usize) {
        self.weights.resize(blocks * QUADS * REGISTERS, Line([[0; 4]; LANES]));
        if rows.len() < row_bytes * ROWS {
            self.scales.clear();
        }
        self.scales.resize(blocks * REGISTERS, Line([0.0; LANES]));
        let lanes = _mm512_mullo_epi32(
            _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
            _mm512_set1_epi32(row_bytes as i32),
        );
        for (register, rows) in rows.chunks(row_bytes * LANES).take(REGISTERS).enumerate() {
            let count = rows.len() / row_bytes;
            if count == 0 {
                return;
            }
            let column = Column { bytes: rows.as_ptr(), lanes, mask: u16::MAX >> (LANES - count) };
            for block in 0..blocks {
                let start = block * kind.bytes();
                // SAFETY: blocks begin with two bytes of scale and are longer than four bytes, quads end with the block,
                // and so many registers of either have just been made.
                unsafe {
                    let scales = self.scales.as_mut_ptr().add(block * REGISTERS + register);
                    let halves = _mm512_cvtepi32_epi16(column.words(start));
                    _mm512_store_ps(scales.cast(), _mm512_cvtph_ps(halves));
                    let weights = self.weights.as_mut_ptr().add(block * QUADS * REGISTERS + register);
                    for quad in 0..(kind.bytes() - 2) / 4 {
                        let word = column.words(start + 2 + quad * 4);
                        let place = |quad: usize| weights.add(quad * REGISTERS).cast();
                        match kind {
                            BlockKind::Q8_0 => {
                                let sign = _mm512_set1_epi32(i32::from_ne_bytes([0x80; 4]));
                                _mm512_store_si512(place(quad), _mm512_xor_si512(word, sign));
                            }
                            BlockKind::Q4_0 | BlockKind::Q4_1 => {
                                let low = _mm512_set1_epi32(i32::from_ne_bytes([0x0f; 4]));
                                // Less 8 and more 128.
                                let shift = _mm512_set1_epi32(i32::from_ne_bytes([0x78; 4]));
                                let shifted = |word| _mm512_add_epi32(_mm512_and_si512(word, low), shift);
                                _mm512_store_si512(place(quad), shifted(word));
                                let high = shifted(_mm512_srli_epi32::<4>(word));
                                _mm512_store_si512(place(quad + QUADS / 2), high);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The same bytes of up to sixteen rows.
struct Column {
    bytes: *const u8,
    /// Where each row begins.
    lanes: __m512i,
    /// Rows that are there.
    mask: u16,
}

impl Column {
    /// Four bytes of each row, from a byte of the row on; zeros for rows that are not there.
    ///
    /// # Safety
    /// The rows must be that long, and the processor one that is [`available`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn words(&self, byte: usize) -> __m512i {
        // SAFETY: the caller answers for the rows.
        unsafe {
            let base = self.bytes.add(byte).cast();
            _mm512_mask_i32gather_epi32::<1>(_mm512_setzero_si512(), self.mask, self.lanes, base)
        }
    }
}

impl Strip<'_> {
    /// Multiplies every matrix row with every input row.
    ///
    /// # Safety
    /// The processor must be one that is [`available`]; the output must have the rows and columns, which are the
    /// caller's own.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) unsafe fn multiply(&self, input: &QuantizedInput, target: Target, packed: &mut Packed) {
        let blocks = input.row_blocks();
        let row_bytes = blocks * self.kind.bytes();
        for (part, rows) in self.bytes.chunks(row_bytes * ROWS).enumerate() {
            // SAFETY: the caller answers for the processor.
            unsafe { packed.fill(self.kind, rows, row_bytes, blocks) };
            let column = self.column + part * ROWS;
            let count = rows.len() / row_bytes;
            for token in (self.first..self.last).step_by(TOKENS) {
                let place = Place { token, column, count };
                // SAFETY: the caller answers for the output.
                unsafe {
                    match self.last - token {
                        1 => place.multiply::<1>(packed, input, target),
                        2 => place.multiply::<2>(packed, input, target),
                        3 => place.multiply::<3>(packed, input, target),
                        4 => place.multiply::<4>(packed, input, target),
                        5 => place.multiply::<5>(packed, input, target),
                        _ => place.multiply::<TOKENS>(packed, input, target),
                    }
                }
            }
        }
    }
}

/// Where results go: from an input row and a column on, `count` columns.
struct Place {
    token: usize,
    column: usize,
    count: usize,
}

impl Place {
    /// Multiplies all packed rows with some input rows.
    ///
    /// # Safety
    /// As [`Strip::multiply`].
    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn multiply<const TOKENS: usize>(&self, packed: &Packed, input: &QuantizedInput, target: Target) {
        let mut inputs = [std::ptr::null::<InputBlock>(); TOKENS];
        for (number, blocks) in inputs.iter_mut().enumerate() {
            *blocks = input.row(self.token + number).as_ptr();
        }
        let mut totals = [[_mm512_setzero_ps(); REGISTERS]; TOKENS];
        // SAFETY: rows of the input have the blocks, the packed rows have been filled for as many.
        unsafe {
            for block in 0..input.row_blocks() {
                let mut products = [[_mm512_setzero_si512(); REGISTERS]; TOKENS];
                for (products, input) in products.iter_mut().zip(&inputs) {
                    *products = [_mm512_set1_epi32(-128 * (*input.add(block)).sum); REGISTERS];
                }
                let weights = packed.weights.as_ptr().add(block * QUADS * REGISTERS);
                for quad in 0..QUADS {
                    let first = _mm512_load_si512(weights.add(quad * REGISTERS).cast());
                    let second = _mm512_load_si512(weights.add(quad * REGISTERS + 1).cast());
                    for (products, input) in products.iter_mut().zip(&inputs) {
                        let values = _mm512_set1_epi32(input.add(block).cast::<i32>().add(quad).read());
                        let [a, b] = products;
                        *a = _mm512_dpbusd_epi32(*a, first, values);
                        *b = _mm512_dpbusd_epi32(*b, second, values);
                    }
                }
                let row_scales = packed.scales.as_ptr().add(block * REGISTERS);
                let first = _mm512_load_ps(row_scales.cast());
                let second = _mm512_load_ps(row_scales.add(1).cast());
                for ((totals, products), input) in totals.iter_mut().zip(&products).zip(&inputs) {
                    let step = _mm512_set1_ps((*input.add(block)).step);
                    let ([a, b], &[p, q]) = (totals, products);
                    *a = _mm512_fmadd_ps(_mm512_cvtepi32_ps(p), _mm512_mul_ps(first, step), *a);
                    *b = _mm512_fmadd_ps(_mm512_cvtepi32_ps(q), _mm512_mul_ps(second, step), *b);
                }
            }
            for (number, totals) in totals.into_iter().enumerate() {
                for (register, total) in totals.into_iter().enumerate() {
                    self.store(number, register, total, target);
                }
            }
        }
    }

    /// Writes the lanes of a register that are rows of the matrix.
    ///
    /// # Safety
    /// As [`Strip::multiply`].
    #[target_feature(enable = "avx512f")]
    unsafe fn store(&self, number: usize, register: usize, total: __m512, target: Target) {
        let lanes = self.count.saturating_sub(register * LANES).min(LANES);
        if lanes > 0 {
            let mask = u16::MAX >> (LANES - lanes);
            // SAFETY: the lanes are columns of the caller's.
            unsafe {
                let place = target.at(self.token + number, self.column + register * LANES);
                _mm512_mask_storeu_ps(place, mask, total);
            }
        }
    }
}
