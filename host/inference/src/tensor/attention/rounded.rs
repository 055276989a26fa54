//! Attention on operands rounded to bfloat16, on processors with AVX-512 BF16: twice the products of f32 in the same
//! time. Scores, their exponentials and all sums are in f32.
//!
//! The instruction multiplies pairs of neighbouring numbers and adds both products to a number in f32. Keys and values
//! are packed once for all queries: what is summed over in pairs, a panel of columns side by side for each.

use std::arch::x86_64::{
    __m256bh, __m256i, __m512, __m512bh, __m512i, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT,
    _mm512_add_ps, _mm512_cvtepu16_epi32, _mm512_cvtne2ps_pbh, _mm512_cvtneps_pbh, _mm512_dpbf16_ps,
    _mm512_fmadd_ps, _mm512_load_si512, _mm512_loadu_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_or_si512,
    _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_roundscale_ps, _mm512_scalef_ps, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi32, _mm512_store_si512, _mm512_storeu_ps,
    _mm512_sub_ps,
};
use std::mem::{MaybeUninit, transmute};

use rayon::prelude::*;

use super::{Operands, Rows};
use crate::tensor::SharedOutput;

/// Query rows per task.
const QUERY_BLOCK: usize = 128;
/// Key rows per score tile.
const KEY_BLOCK: usize = 256;
/// Numbers of a register.
const LANES: usize = 16;
/// Registers of columns that are multiplied together.
const REGISTERS: usize = 4;
/// Columns that are multiplied together.
const PANEL: usize = LANES * REGISTERS;
/// Rows that are multiplied together.
const ROWS: usize = 6;

/// Sixteen pairs of bfloat16, as registers are loaded: the first of a pair in the low half.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([u32; LANES]);

/// Coefficients of 2^f for -0.5 <= f <= 0.5, the highest power first.
const POWERS: [f32; 5] = [0.009_676_037, 0.055_922_036, 0.240_221_07, 0.693_121, 1.0];

const EMPTY: Line = Line([0; LANES]);

/// True on processors that have the instructions, for heads that divide into panels.
pub(super) fn takes(operands: &Operands<'_>) -> bool {
    operands.groups.head_width.is_multiple_of(PANEL)
        && std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bf16")
}

/// Writes all heads of all queries.
///
/// # Safety
/// The operands must be such as [`takes`] says; the output must have batch * queries * width elements, which are the
/// caller's own.
pub(super) unsafe fn attend(operands: &Operands<'_>, target: SharedOutput) {
    let &Operands { batch, queries, keys, width, heads, groups, .. } = operands;
    let shape = HeadShape { keys, width: groups.head_width };
    let count = batch * heads / groups.shared * shape.lines();
    let mut packed = Vec::with_capacity(count);
    let places = packed.spare_capacity_mut().get_mut(..count).unwrap_or_default();
    places.par_chunks_mut(shape.lines()).enumerate().for_each(|(place, lines)| {
        lines.fill(MaybeUninit::new(EMPTY));
        // SAFETY: the lines have just been written; the caller answers for the processor, and there are so many heads.
        unsafe { shape.pack(operands, place, lines.assume_init_mut()) };
    });
    // SAFETY: every line has been written.
    unsafe { packed.set_len(count) };
    let blocks = queries.div_ceil(QUERY_BLOCK);
    (0..batch * heads * blocks).into_par_iter().for_each_init(Scratch::default, |scratch, task| {
        let (place, block) = (task / blocks, task % blocks);
        let first = block * QUERY_BLOCK;
        let start = place / groups.shared * shape.lines();
        let tile = Tile {
            shape,
            panels: packed.get(start..start + shape.lines()).unwrap_or_default(),
            row_stride: width,
            queries: QUERY_BLOCK.min(queries - first),
        };
        let (picture, head) = (place / heads, place % heads);
        let column = head * groups.head_width;
        // SAFETY: the caller answers for the processor; tiles are disjoint parts of queries and output.
        unsafe {
            let rows = operands.q.at(picture, first, column);
            scratch.read_queries(rows, operands.q.row_stride, &tile);
            tile.compute(target.at((picture * queries + first) * width + column), scratch);
        }
    });
}

/// Keys and values of one head.
#[derive(Clone, Copy)]
struct HeadShape {
    keys: usize,
    /// A multiple of the panel.
    width: usize,
}

impl HeadShape {
    /// Lines of packed keys: panels of keys, and for each pair of columns a panel's lines.
    fn key_lines(self) -> usize {
        self.keys.div_ceil(PANEL) * self.key_panel()
    }

    fn key_panel(self) -> usize {
        self.width / 2 * REGISTERS
    }

    /// Lines of packed values: panels of columns, and for each pair of keys a panel's lines.
    fn value_lines(self) -> usize {
        self.width / PANEL * self.value_panel()
    }

    fn value_panel(self) -> usize {
        self.keys.div_ceil(2) * REGISTERS
    }

    fn lines(self) -> usize {
        self.key_lines() + self.value_lines()
    }

    /// Packs the keys and values of a head; `place` counts heads of keys through the pictures.
    ///
    /// # Safety
    /// The processor must have the instructions, and the operands such a head.
    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn pack(self, operands: &Operands<'_>, place: usize, lines: &mut [Line]) {
        let heads = operands.heads / operands.groups.shared;
        let (picture, column) = (place / heads, place % heads * self.width);
        let (keys, values) = lines.split_at_mut(self.key_lines());
        // SAFETY: the caller answers for head and processor.
        unsafe {
            self.pack_keys(&operands.k, (picture, column), keys);
            self.pack_values(&operands.v, (picture, column), values);
        }
    }

    /// # Safety
    /// As [`Self::pack`].
    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn pack_keys(self, rows: &Rows<'_>, (picture, column): (usize, usize), lines: &mut [Line]) {
        let mut pairs = EMPTY;
        for key in 0..self.keys {
            let panel = key / PANEL * self.key_panel() + key % PANEL / LANES;
            for first in (0..self.width).step_by(2 * LANES) {
                // SAFETY: a head is a multiple of two registers wide.
                unsafe {
                    let row = rows.at(picture, key, column + first);
                    _mm512_store_si512((&raw mut pairs).cast(), pairs_of(row, 1.0));
                }
                let places = lines.iter_mut().skip(panel + first / 2 * REGISTERS).step_by(REGISTERS);
                for (line, pair) in places.zip(pairs.0) {
                    if let Some(lane) = line.0.get_mut(key % LANES) {
                        *lane = pair;
                    }
                }
            }
        }
    }

    /// # Safety
    /// As [`Self::pack`].
    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn pack_values(self, rows: &Rows<'_>, (picture, column): (usize, usize), lines: &mut [Line]) {
        for (number, panel) in lines.chunks_mut(self.value_panel()).enumerate() {
            for (pair, lines) in panel.chunks_mut(REGISTERS).enumerate() {
                for (register, line) in lines.iter_mut().enumerate() {
                    let column = column + number * PANEL + register * LANES;
                    // SAFETY: panels lie within the head's width, and the keys are those that there are.
                    unsafe {
                        let first = halves_of(rows.at(picture, 2 * pair, column));
                        let both = if 2 * pair + 1 < self.keys {
                            let second = halves_of(rows.at(picture, 2 * pair + 1, column));
                            _mm512_or_si512(first, _mm512_slli_epi32::<16>(second))
                        } else {
                            first
                        };
                        _mm512_store_si512((&raw mut *line).cast(), both);
                    }
                }
            }
        }
    }
}

/// 2^x for each number, to 4e-6 of it: far below the rounding of what it is multiplied as.
#[inline]
#[target_feature(enable = "avx512f")]
fn powers_of_2(x: __m512) -> __m512 {
    let whole = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
    let part = _mm512_sub_ps(x, whole);
    let mut power = _mm512_set1_ps(POWERS[0]);
    power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(POWERS[1]));
    power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(POWERS[2]));
    power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(POWERS[3]));
    power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(POWERS[4]));
    _mm512_scalef_ps(power, whole)
}

/// Thirty-two numbers times a factor as sixteen pairs.
///
/// # Safety
/// The numbers must be there, and the processor have the instructions.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn pairs_of(numbers: *const f32, factor: f32) -> __m512i {
    // SAFETY: the caller answers for the numbers; registers of one size hold any bits.
    unsafe {
        let factor = _mm512_set1_ps(factor);
        let low = _mm512_mul_ps(_mm512_loadu_ps(numbers), factor);
        let high = _mm512_mul_ps(_mm512_loadu_ps(numbers.add(LANES)), factor);
        transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low))
    }
}

/// Sixteen numbers as the low halves of sixteen pairs.
///
/// # Safety
/// The numbers must be there, and the processor have the instructions.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn halves_of(numbers: *const f32) -> __m512i {
    // SAFETY: as above.
    unsafe {
        let halves = _mm512_cvtneps_pbh(_mm512_loadu_ps(numbers));
        _mm512_cvtepu16_epi32(transmute::<__m256bh, __m256i>(halves))
    }
}

/// Working memory of one thread.
#[derive(Default)]
struct Scratch {
    /// Pairs of columns of each query, row by row.
    queries: Vec<Line>,
    scores: Vec<f32>,
    /// Pairs of exponentials of each query, row by row.
    weights: Vec<Line>,
    peaks: Vec<f32>,
    sums: Vec<f32>,
    decays: Vec<f32>,
}

impl Scratch {
    /// Packs the queries of a tile, scaled so that scores are powers of 2, and begins its softmax.
    ///
    /// # Safety
    /// The rows must be those of the tile, and the processor have the instructions.
    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn read_queries(&mut self, rows: *const f32, row_stride: usize, tile: &Tile<'_>) {
        let width = tile.shape.width;
        let scale = std::f32::consts::LOG2_E / (width as f32).sqrt();
        self.queries.resize(tile.queries * width / (2 * LANES), EMPTY);
        for (query, lines) in self.queries.chunks_mut(width / (2 * LANES)).enumerate() {
            for (number, line) in lines.iter_mut().enumerate() {
                // SAFETY: the caller answers for the rows, which are a multiple of two registers wide.
                unsafe {
                    let pairs = pairs_of(rows.add(query * row_stride + number * 2 * LANES), scale);
                    _mm512_store_si512((&raw mut *line).cast(), pairs);
                }
            }
        }
        self.scores.resize(tile.queries * KEY_BLOCK, 0.0);
        self.weights.resize(tile.queries * KEY_BLOCK / (2 * LANES), EMPTY);
        self.decays.resize(tile.queries, 0.0);
        self.peaks.clear();
        self.peaks.resize(tile.queries, f32::MIN);
        self.sums.clear();
        self.sums.resize(tile.queries, 0.0);
    }

    /// Turns scores of the next `keys` keys into weights relative to the running peaks.
    #[target_feature(enable = "avx512f,avx512bf16")]
    fn weigh(&mut self, keys: usize) {
        let rows = self.scores.chunks_mut(KEY_BLOCK).zip(self.weights.chunks_mut(KEY_BLOCK / (2 * LANES)));
        let states = self.peaks.iter_mut().zip(&mut self.sums).zip(&mut self.decays);
        for ((scores, weights), ((peak, sum), decay)) in rows.zip(states) {
            scores.iter_mut().skip(keys).for_each(|score| *score = f32::MIN);
            let mut tops = _mm512_set1_ps(*peak);
            for scores in scores.as_chunks::<LANES>().0 {
                // SAFETY: the numbers are those of the chunk.
                tops = _mm512_max_ps(tops, unsafe { _mm512_loadu_ps(scores.as_ptr()) });
            }
            let top = _mm512_reduce_max_ps(tops);
            *decay = (*peak - top).exp2();
            *peak = top;
            let top = _mm512_set1_ps(top);
            let mut total = _mm512_setzero_ps();
            for (scores, line) in scores.as_chunks::<{ 2 * LANES }>().0.iter().zip(weights) {
                // SAFETY: the numbers are those of the chunk; a line is as long as a register.
                unsafe {
                    let low = powers_of_2(_mm512_sub_ps(_mm512_loadu_ps(scores.as_ptr()), top));
                    let high = powers_of_2(_mm512_sub_ps(_mm512_loadu_ps(scores.as_ptr().add(LANES)), top));
                    total = _mm512_add_ps(total, _mm512_add_ps(low, high));
                    let pairs = transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
                    _mm512_store_si512((&raw mut *line).cast(), pairs);
                }
            }
            *sum = *sum * *decay + _mm512_reduce_add_ps(total);
        }
    }
}

/// One head's block of queries.
struct Tile<'a> {
    shape: HeadShape,
    /// The head's keys and values.
    panels: &'a [Line],
    /// Elements from one row of the output to the next.
    row_stride: usize,
    queries: usize,
}

impl Tile<'_> {
    /// Computes the tile into the output, whose first element is `out`.
    ///
    /// # Safety
    /// The scratch must hold the tile's queries, the output its rows, which are the caller's own, and the processor have
    /// the instructions.
    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn compute(&self, out: *mut f32, scratch: &mut Scratch) {
        let HeadShape { keys, width } = self.shape;
        let (key_panels, value_panels) = self.panels.split_at(self.shape.key_lines());
        for first in (0..keys).step_by(KEY_BLOCK) {
            let count = KEY_BLOCK.min(keys - first);
            let scores = scratch.scores.as_mut_ptr();
            for panel in 0..count.div_ceil(PANEL) {
                // SAFETY: the key block begins with a panel, and the scores have columns for whole panels.
                unsafe {
                    let lines = key_panels.as_ptr().add((first / PANEL + panel) * self.shape.key_panel());
                    let place = Place { out: scores.add(panel * PANEL), row_stride: KEY_BLOCK };
                    let rows = Factors { pairs: scratch.queries.as_ptr().cast(), row_stride: width / 2 };
                    multiply(rows, self.queries, lines, width / 2, place, None);
                }
            }
            scratch.weigh(count);
            for panel in 0..width / PANEL {
                // SAFETY: the key block begins with a pair of keys; weights of keys beyond the last are 0.
                unsafe {
                    let lines = value_panels.as_ptr().add(panel * self.shape.value_panel());
                    let lines = lines.add(first / 2 * REGISTERS);
                    let place = Place { out: out.add(panel * PANEL), row_stride: self.row_stride };
                    let rows = Factors { pairs: scratch.weights.as_ptr().cast(), row_stride: KEY_BLOCK / 2 };
                    let kept = (first > 0).then_some(scratch.decays.as_slice());
                    multiply(rows, self.queries, lines, count.div_ceil(2), place, kept);
                }
            }
        }
        for (query, sum) in scratch.sums.iter().enumerate() {
            // SAFETY: the row is one of this tile's own.
            let row = unsafe { std::slice::from_raw_parts_mut(out.add(query * self.row_stride), width) };
            row.iter_mut().for_each(|x| *x /= sum);
        }
    }
}

/// Rows of pairs that panels are multiplied by.
#[derive(Clone, Copy)]
struct Factors {
    pairs: *const i32,
    row_stride: usize,
}

/// Where products go.
#[derive(Clone, Copy)]
struct Place {
    out: *mut f32,
    row_stride: usize,
}

/// Writes the products of `count` rows with a panel of `pairs` pairs; what `kept` says of each row's earlier sums is
/// added to them.
///
/// # Safety
/// Rows, panel and place must be that large, the place the caller's own, and the processor have the instructions.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn multiply(
    rows: Factors,
    count: usize,
    panel: *const Line,
    pairs: usize,
    place: Place,
    kept: Option<&[f32]>,
) {
    for row in (0..count).step_by(ROWS) {
        // SAFETY: the caller answers for all rows.
        unsafe {
            let rows = Factors { pairs: rows.pairs.add(row * rows.row_stride), ..rows };
            let place = Place { out: place.out.add(row * place.row_stride), ..place };
            let kept = kept.map(|kept| kept.get(row..).unwrap_or_default());
            match count - row {
                1 => multiply_rows::<1>(rows, panel, pairs, place, kept),
                2 => multiply_rows::<2>(rows, panel, pairs, place, kept),
                3 => multiply_rows::<3>(rows, panel, pairs, place, kept),
                4 => multiply_rows::<4>(rows, panel, pairs, place, kept),
                5 => multiply_rows::<5>(rows, panel, pairs, place, kept),
                _ => multiply_rows::<ROWS>(rows, panel, pairs, place, kept),
            }
        }
    }
}

/// [`multiply`] for some rows, whose sums stay in registers.
///
/// # Safety
/// As there.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn multiply_rows<const N: usize>(
    rows: Factors,
    panel: *const Line,
    pairs: usize,
    place: Place,
    kept: Option<&[f32]>,
) {
    let mut sums = [[_mm512_setzero_ps(); REGISTERS]; N];
    // SAFETY: the caller answers for rows, panel and place.
    unsafe {
        if let Some(kept) = kept {
            for (row, (sums, &kept)) in sums.iter_mut().zip(kept).enumerate() {
                let kept = _mm512_set1_ps(kept);
                for (register, sum) in sums.iter_mut().enumerate() {
                    let earlier = _mm512_loadu_ps(place.out.add(row * place.row_stride + register * LANES));
                    *sum = _mm512_mul_ps(earlier, kept);
                }
            }
        }
        for pair in 0..pairs {
            let lines = panel.add(pair * REGISTERS);
            let a = columns(lines);
            let b = columns(lines.add(1));
            let c = columns(lines.add(2));
            let d = columns(lines.add(3));
            for (row, [p, q, r, s]) in sums.iter_mut().enumerate() {
                let factor = rows.pairs.add(row * rows.row_stride + pair).read();
                let factor = transmute::<__m512i, __m512bh>(_mm512_set1_epi32(factor));
                *p = _mm512_dpbf16_ps(*p, factor, a);
                *q = _mm512_dpbf16_ps(*q, factor, b);
                *r = _mm512_dpbf16_ps(*r, factor, c);
                *s = _mm512_dpbf16_ps(*s, factor, d);
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            for (register, sum) in sums.into_iter().enumerate() {
                let sum: __m512 = sum;
                _mm512_storeu_ps(place.out.add(row * place.row_stride + register * LANES), sum);
            }
        }
    }
}

/// The pairs of sixteen columns.
///
/// # Safety
/// The line must be there, and the processor have the instructions.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn columns(line: *const Line) -> __m512bh {
    // SAFETY: lines lie and are as long as registers.
    unsafe { transmute::<__m512i, __m512bh>(_mm512_load_si512(line.cast())) }
}
