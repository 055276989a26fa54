//! Products of f32 matrices whose operands are packed first, so that sums stay in registers until a block of their depth
//! is done.
//!
//! The result has a row for each row of one operand and a column for each column of the other. Rows are packed twelve at a
//! time ([`ROWS`]), columns 32 at a time ([`COLUMNS`]), with what belongs to the same place of the depth side by side.
//! Each sum is built in the order of the depth, whatever part of the result it is computed with.

use super::lanes::{Instructions, Lanes, Plain};
use super::vector::wide;

/// Rows of a strip.
pub(super) const ROWS: usize = 12;
/// Columns of a panel.
pub(super) const COLUMNS: usize = 32;
/// Places of the depth whose products are added up in registers: a panel of so many fits into the second-level cache
/// with strips beside it.
pub(super) const DEPTH: usize = 320;

/// What the sums of a product begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Zero.
    Zero,
    /// What is in the result.
    Kept,
}

/// Packed operands.
pub(super) struct Packed<'a> {
    /// Strips of [`ROWS`] rows: for each place of the depth, a value of each row. What is missing to a whole strip is
    /// there too.
    pub(super) rows: &'a [f32],
    /// Elements from one strip to the next.
    pub(super) row_step: usize,
    /// Panels of [`COLUMNS`] columns: for each place of the depth, a value of each column. What is missing to a whole
    /// panel is there too.
    pub(super) columns: Columns<'a>,
    /// Products of a sum.
    pub(super) depth: usize,
}

/// Where panels lie.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub(super) values: &'a [f32],
    /// Elements from one panel to the next.
    pub(super) step: usize,
    /// Elements from one place of the depth to the next, the same in all panels.
    pub(super) place_step: usize,
}

impl<'a> Columns<'a> {
    /// Panels one after the other.
    pub(super) fn packed(values: &'a [f32], depth: usize) -> Self {
        Self { values, step: depth * COLUMNS, place_step: COLUMNS }
    }

    /// Panels side by side in lines of numbers, one for each place of the depth, which begin `step` apart.
    pub(super) fn beside(values: &'a [f32], step: usize) -> Self {
        Self { values, step: COLUMNS, place_step: step }
    }
}

impl Packed<'_> {
    /// Computes `rows` rows of `columns` elements, which begin `step` apart from `y` on.
    ///
    /// # Safety
    /// The rows must be the caller's own, and the operands as large as they say.
    pub(super) unsafe fn multiply(
        &self,
        (rows, columns): (usize, usize),
        start: Start,
        y: *mut f32,
        step: usize,
    ) {
        // SAFETY: the processor has the best instructions of its own.
        unsafe { self.multiply_with(Instructions::best(), (rows, columns), start, y, step) }
    }

    /// As [`Packed::multiply`].
    ///
    /// # Safety
    /// The processor must have the instructions, too.
    unsafe fn multiply_with(
        &self,
        instructions: Instructions,
        (rows, columns): (usize, usize),
        start: Start,
        y: *mut f32,
        step: usize,
    ) {
        let whole = self.depth * ROWS + rows.div_ceil(ROWS).saturating_sub(1) * self.row_step;
        debug_assert!(rows == 0 || self.rows.len() >= whole);
        let Columns { values, step: panel_step, place_step } = self.columns;
        let whole = columns.div_ceil(COLUMNS).saturating_sub(1) * panel_step + COLUMNS;
        debug_assert!(columns == 0 || values.len() >= whole + self.depth.saturating_sub(1) * place_step);
        for first in (0..self.depth).step_by(DEPTH) {
            let depth = DEPTH.min(self.depth - first);
            let start = if first == 0 { start } else { Start::Kept };
            for row in (0..rows).step_by(ROWS) {
                let strip = row / ROWS * self.row_step + first * ROWS;
                for column in (0..columns).step_by(COLUMNS) {
                    // SAFETY: strips and panels that have some of the rows and columns are there as a whole.
                    unsafe {
                        let panel = column / COLUMNS * panel_step + first * place_step;
                        let tile = Tile {
                            rows: self.rows.as_ptr().add(strip),
                            columns: values.as_ptr().add(panel),
                            place_step,
                            depth,
                            start,
                        };
                        let size = (ROWS.min(rows - row), COLUMNS.min(columns - column));
                        tile.write(instructions, size, y.add(row * step + column), step);
                    }
                }
            }
        }
    }
}

/// A strip times a panel.
struct Tile {
    rows: *const f32,
    columns: *const f32,
    place_step: usize,
    depth: usize,
    start: Start,
}

impl Tile {
    /// Computes the first of its rows and columns.
    ///
    /// # Safety
    /// The processor must have the instructions, strip and panel must be `depth` long, and the rows of `y` be the caller's
    /// own.
    #[inline]
    unsafe fn write(
        &self,
        instructions: Instructions,
        (rows, columns): (usize, usize),
        y: *mut f32,
        step: usize,
    ) {
        if columns == COLUMNS {
            // SAFETY: the caller answers for all of it.
            return unsafe { self.compute(instructions, rows, y, step) };
        }
        let mut whole = [0f32; ROWS * COLUMNS];
        // SAFETY: the caller answers for the operands and the part of `y`, and the copy has room for a whole tile.
        unsafe {
            let kept = self.start == Start::Kept;
            for row in 0..if kept { rows } else { 0 } {
                let place = whole.as_mut_ptr().add(row * COLUMNS);
                std::ptr::copy_nonoverlapping(y.add(row * step), place, columns);
            }
            self.compute(instructions, rows, whole.as_mut_ptr(), COLUMNS);
            for row in 0..rows {
                std::ptr::copy_nonoverlapping(whole.as_ptr().add(row * COLUMNS), y.add(row * step), columns);
            }
        }
    }

    /// As [`Tile::write`], with all columns.
    #[inline]
    unsafe fn compute(&self, instructions: Instructions, rows: usize, y: *mut f32, step: usize) {
        // SAFETY: the caller answers for all of it.
        unsafe {
            match instructions {
                Instructions::Plain => plain(self, rows, y, step),
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx2 => avx2(self, rows, y, step),
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx512 => avx512(self, rows, y, step),
            }
        }
    }

    /// Computes a tile by parts of some rows and registers, as many as the processor has registers for.
    #[inline(always)]
    unsafe fn by_parts<V: Lanes, const HIGH: usize, const ACROSS: usize>(
        &self,
        rows: usize,
        y: *mut f32,
        step: usize,
    ) {
        for column in (0..COLUMNS).step_by(ACROSS * V::WIDTH) {
            for row in (0..rows).step_by(HIGH) {
                // SAFETY: the caller answers for all of it.
                unsafe {
                    let target = y.add(row * step + column);
                    self.part::<V, HIGH, ACROSS>((row, column), HIGH.min(rows - row), target, step);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn part<V: Lanes, const HIGH: usize, const ACROSS: usize>(
        &self,
        (row, column): (usize, usize),
        count: usize,
        y: *mut f32,
        step: usize,
    ) {
        // SAFETY: the caller answers for the instructions and the memory.
        unsafe {
            let mut sums = [[V::splat(0.0); ACROSS]; HIGH];
            let mut factors = self.rows.add(row);
            let mut values = self.columns.add(column);
            for _ in 0..self.depth {
                let mut registers = [V::splat(0.0); ACROSS];
                for (number, register) in registers.iter_mut().enumerate() {
                    *register = V::load(values.add(number * V::WIDTH));
                }
                for (number, sums) in sums.iter_mut().enumerate() {
                    let factor = V::splat(*factors.add(number));
                    for (sum, register) in sums.iter_mut().zip(registers) {
                        *sum = sum.plus_product(register, factor);
                    }
                }
                factors = factors.add(ROWS);
                values = values.add(self.place_step);
            }
            let kept = self.start == Start::Kept;
            for (number, sums) in sums.into_iter().enumerate().take(count) {
                let line = y.add(number * step);
                for (number, sum) in sums.into_iter().enumerate() {
                    let place = line.add(number * V::WIDTH);
                    let sum = if kept { V::load(place).plus_product(sum, V::splat(1.0)) } else { sum };
                    sum.store(place);
                }
            }
        }
    }
}

/// Rows of a part on processors that this file knows no registers of: ARM's have twice as many as x86's first.
const PLAIN_ROWS: usize = if cfg!(target_arch = "aarch64") { 12 } else { 6 };

unsafe fn plain(tile: &Tile, rows: usize, y: *mut f32, step: usize) {
    // SAFETY: the caller answers for the memory.
    unsafe { tile.by_parts::<Plain, PLAIN_ROWS, 2>(rows, y, step) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(tile: &Tile, rows: usize, y: *mut f32, step: usize) {
    // SAFETY: the caller answers for the memory, this function for the instructions.
    unsafe { tile.by_parts::<std::arch::x86_64::__m256, 6, 2>(rows, y, step) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512(tile: &Tile, rows: usize, y: *mut f32, step: usize) {
    // SAFETY: as above.
    unsafe {
        match rows {
            // The last convolution of a network has no more.
            ..=4 => tile.by_parts::<std::arch::x86_64::__m512, 4, 2>(rows, y, step),
            _ => tile.by_parts::<std::arch::x86_64::__m512, 12, 2>(rows, y, step),
        }
    }
}

/// Packs at most `LANES` lines of numbers, which begin `step` apart: for each place, a value of each line, zero for those
/// that are missing. `target` has room for as many places as are packed.
pub(super) fn pack_lines<const LANES: usize>(lines: &[f32], step: usize, target: &mut [f32]) {
    for (block, target) in target.chunks_mut(LANES * DEPTH).enumerate() {
        let depth = target.len() / LANES;
        for (number, first) in (0..LANES).step_by(4).enumerate() {
            let line = |offset: usize| {
                let start = (first + offset) * step + block * DEPTH;
                lines.get(start..start + depth).unwrap_or(ZEROS.get(..depth).unwrap_or_default())
            };
            interleave(LANES, number, [line(0), line(1), line(2), line(3)], target);
        }
    }
}

const ZEROS: [f32; DEPTH] = [0.0; DEPTH];

wide! {
    /// Puts four lines of numbers to where the quad `number` of lines is packed.
    fn interleave(lanes: usize, number: usize, lines: [&[f32]; 4], target: &mut [f32]) {
        let [a, b, c, d] = lines.map(|line| line.as_chunks::<4>());
        let sources = a.0.iter().zip(b.0).zip(c.0).zip(d.0);
        for (((([a, e, i, m], [b, f, j, n]), [c, g, k, o]), [d, h, l, p]), target) in
            sources.zip(target.chunks_exact_mut(4 * lanes))
        {
            let quads = [[*a, *b, *c, *d], [*e, *f, *g, *h], [*i, *j, *k, *l], [*m, *n, *o, *p]];
            for (quad, target) in quads.into_iter().zip(target.chunks_exact_mut(lanes)) {
                if let Some(place) = target.as_chunks_mut().0.get_mut(number) {
                    *place = quad;
                }
            }
        }
        let done = a.0.len() * 4;
        let rest = a.1.iter().zip(b.1).zip(c.1).zip(d.1);
        for ((((a, b), c), d), target) in rest.zip(target.chunks_exact_mut(lanes).skip(done)) {
            if let Some(place) = target.as_chunks_mut().0.get_mut(number) {
                *place = [*a, *b, *c, *d];
            }
        }
    }
}

/// Packs lines of `columns` numbers, one for each place of the depth, which begin `step` apart, into panels.
pub(super) fn pack_columns(lines: &[f32], step: usize, columns: usize, depth: usize, target: &mut Vec<f32>) {
    target.resize(columns.div_ceil(COLUMNS) * depth * COLUMNS, 0.0);
    for (number, panel) in target.chunks_exact_mut((depth * COLUMNS).max(1)).enumerate() {
        let first = number * COLUMNS;
        let count = COLUMNS.min(columns - first);
        let lines = lines.get(first..).unwrap_or_default().chunks(step.max(1));
        for (place, line) in panel.as_chunks_mut::<COLUMNS>().0.iter_mut().zip(lines) {
            match line.first_chunk() {
                Some(whole) if count == COLUMNS => *place = *whole,
                _ => {
                    let (inside, missing) = place.split_at_mut(count);
                    inside.copy_from_slice(line.get(..count).unwrap_or_default());
                    missing.fill(0.0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin()).collect()
    }

    #[test]
    fn products_of_any_size_are_the_sums_they_should_be_with_all_instructions() {
        for (rows, columns, depth) in [(1, 1, 1), (12, 32, 256), (13, 33, 257), (30, 100, 600), (5, 31, 7)] {
            let (a, b) = (wave(rows * depth, 0.37), wave(depth * columns, 0.11));
            let mut strips = Vec::new();
            for strip in a.chunks(ROWS * depth) {
                let mut packed = vec![0.0; depth * ROWS];
                pack_lines::<ROWS>(strip, depth, &mut packed);
                strips.extend(packed);
            }
            let mut panels = vec![f32::NAN; 3];
            pack_columns(&b, columns, columns, depth, &mut panels);
            let packed = Packed {
                rows: &strips,
                row_step: depth * ROWS,
                columns: Columns::packed(&panels, depth),
                depth,
            };
            for instructions in Instructions::every() {
                for start in [Start::Zero, Start::Kept] {
                    let step = columns + 3;
                    let mut y = vec![0.5f32; rows * step];
                    // SAFETY: the result has as many rows of as many elements.
                    unsafe {
                        packed.multiply_with(instructions, (rows, columns), start, y.as_mut_ptr(), step)
                    };
                    for (row, line) in y.chunks_exact(step).enumerate() {
                        for (column, value) in line[..columns].iter().enumerate() {
                            let terms = (0..depth)
                                .map(|k| f64::from(a[row * depth + k]) * f64::from(b[k * columns + column]));
                            let begin = if start == Start::Kept { 0.5 } else { 0.0 };
                            let gap = (f64::from(*value) - terms.sum::<f64>() - begin).abs();
                            assert!(gap < 1e-4, "{instructions:?} {rows}x{columns}x{depth} {row} {column}");
                        }
                        assert_eq!(line[columns..], [0.5; 3], "what lies between rows is left");
                    }
                }
            }
        }
    }
}
