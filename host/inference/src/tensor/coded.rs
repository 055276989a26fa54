//! Linear layers on matrices of 4-bit codes: every code stands for a number of a table, and runs of numbers share a
//! scale. Tiles of rows are unpacked and multiplied in single precision.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use gemm::Parallelism;
use rayon::prelude::*;

use super::{SharedOutput, elements};

/// Numbers that one task unpacks at a time, about; less than what a core keeps to itself.
const TILE: usize = 1 << 18;

/// A matrix (rows, width) of codes, two to a byte along its rows, the first of them in the high half.
#[derive(Debug, Clone, Copy)]
pub struct CodeMatrix<'a> {
    codes: &'a [u8],
    scales: &'a [f32],
    table: &'a [f32; 16],
    /// Numbers that share a scale.
    block: usize,
    /// Numbers of the first block that come before this matrix.
    skipped: usize,
    width: usize,
}

impl<'a> CodeMatrix<'a> {
    /// Rows of a larger matrix over its codes and scales: `skipped` numbers, in whole rows, come before them.
    ///
    /// # Errors
    /// A row does not begin with a whole byte, or there are fewer scales than the numbers need.
    pub fn new(
        codes: &'a [u8],
        scales: &'a [f32],
        table: &'a [f32; 16],
        (block, skipped, width): (usize, usize, usize),
    ) -> Result<Self> {
        let even = width != 0 && width.is_multiple_of(2) && block.is_multiple_of(2) && block != 0;
        if !even || !(2 * codes.len()).is_multiple_of(width) || !skipped.is_multiple_of(2) {
            bail!("{} bytes are no matrix of codes of width {width} in blocks of {block}", codes.len());
        }
        let scales = scales.get(skipped / block..).unwrap_or_default();
        let skipped = skipped % block;
        if scales.len() < (skipped + 2 * codes.len()).div_ceil(block) {
            bail!("{} scales are too few for {} codes", scales.len(), 2 * codes.len());
        }
        Ok(Self { codes, scales, table, block, skipped, width })
    }

    fn rows(&self) -> usize {
        2 * self.codes.len() / self.width
    }

    /// The numbers in f32.
    pub fn unpack(&self) -> Vec<f32> {
        let pairs = self.pairs();
        let mut numbers = vec![0f32; 2 * self.codes.len()];
        numbers.par_chunks_mut(self.width).enumerate().for_each(|(row, numbers)| {
            self.unpack_rows(&pairs, row, numbers);
        });
        numbers
    }

    /// The two numbers that each byte stands for.
    fn pairs(&self) -> Vec<[f32; 2]> {
        let number = |code: usize| self.table.get(code).copied().unwrap_or_default();
        (0..256).map(|byte| [number(byte >> 4), number(byte & 15)]).collect()
    }

    /// Unpacks rows from `first` on, as many as `numbers` holds.
    fn unpack_rows(&self, pairs: &[[f32; 2]], first: usize, numbers: &mut [f32]) {
        let begin = first * self.width;
        let codes = self.codes.get(begin / 2..(begin + numbers.len()) / 2).unwrap_or_default();
        let (mut place, mut done) = (self.skipped + begin, 0);
        while done < codes.len() {
            let left = (self.block - place % self.block) / 2;
            let end = codes.len().min(done + left);
            let scale = self.scales.get(place / self.block).copied().unwrap_or_default();
            let (bytes, targets) = (codes.get(done..end), numbers.get_mut(2 * done..2 * end));
            for (byte, target) in
                bytes.unwrap_or_default().iter().zip(targets.unwrap_or_default().as_chunks_mut().0)
            {
                let [high, low] = pairs.get(usize::from(*byte)).copied().unwrap_or_default();
                *target = [high * scale, low * scale];
            }
            place += 2 * (end - done);
            done = end;
        }
    }
}

/// `x` (..., width), f32 on the CPU, times the transposes of matrices of that width, whose outputs lie side by side:
/// (..., rows of all).
pub fn code_linear(x: &Tensor, parts: &[CodeMatrix]) -> Result<Tensor> {
    x.contiguous()?.apply_op1_no_bwd(&CodeLinear { parts })
}

struct CodeLinear<'a> {
    parts: &'a [CodeMatrix<'a>],
}

/// Some rows of a matrix, and the column of the output that the first of them makes.
struct Tile<'a> {
    part: &'a CodeMatrix<'a>,
    pairs: &'a [[f32; 2]],
    first: usize,
    rows: usize,
    column: usize,
}

impl CustomOp1 for CodeLinear<'_> {
    fn name(&self) -> &'static str {
        "code-linear"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = elements(x, layout, self.name())?;
        let width = layout.dims().last().copied().unwrap_or(0);
        if width == 0 || self.parts.iter().any(|part| part.width != width) {
            bail!("code linear: a matrix does not fit {:?}", layout.dims());
        }
        let pairs: Vec<_> = self.parts.iter().map(CodeMatrix::pairs).collect();
        let mut tiles = Vec::new();
        let mut out = 0;
        for (part, pairs) in self.parts.iter().zip(&pairs) {
            let most = (TILE / width).max(1);
            for first in (0..part.rows()).step_by(most) {
                let rows = most.min(part.rows() - first);
                tiles.push(Tile { part, pairs, first, rows, column: out + first });
            }
            out += part.rows();
        }
        let rows = x.len() / width;
        let mut y = vec![0f32; rows * out];
        let target = SharedOutput(y.as_mut_ptr());
        tiles.par_iter().for_each(|tile| {
            let mut weight = vec![0f32; tile.rows * width];
            tile.part.unpack_rows(tile.pairs, tile.first, &mut weight);
            // SAFETY: x is rows*width, weight is tile.rows*width and y is rows*out elements, all contiguous. Each tile
            // writes its own columns of y, which overlaps neither operand.
            unsafe {
                gemm::gemm(
                    rows,
                    tile.rows,
                    width,
                    target.at(tile.column),
                    1,
                    out as isize,
                    false,
                    x.as_ptr(),
                    1,
                    width as isize,
                    weight.as_ptr(),
                    width as isize,
                    1,
                    0.0,
                    1.0,
                    false,
                    false,
                    false,
                    Parallelism::None,
                );
            }
        });
        let mut dims = layout.dims().to_vec();
        if let Some(last) = dims.last_mut() {
            *last = out;
        }
        Ok((CpuStorage::F32(y), Shape::from(dims)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    const TABLE: [f32; 16] =
        [-1.0, -0.7, -0.5, -0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.25, 0.35, 0.45, 0.55, 0.7, 1.0];

    fn number(codes: &[u8], scales: &[f32], block: usize, place: usize) -> f32 {
        let byte = codes[place / 2];
        let code = if place.is_multiple_of(2) { byte >> 4 } else { byte & 15 };
        TABLE[usize::from(code)] * scales[place / block]
    }

    #[test]
    fn products_are_those_of_the_unpacked_rows_wherever_blocks_begin() {
        // Blocks of 64 do not divide rows of 48, and parts begin within a block.
        let (width, block) = (48, 64);
        let codes: Vec<u8> = (0..40 * width / 2).map(|i| (i * 37 % 251) as u8).collect();
        let scales: Vec<f32> = (0..30).map(|i| 0.5 + i as f32 / 30.0).collect();
        let part = |rows: std::ops::Range<usize>| {
            let bytes = &codes[rows.start * width / 2..rows.end * width / 2];
            CodeMatrix::new(bytes, &scales, &TABLE, (block, rows.start * width, width)).unwrap()
        };
        let unpacked = |row: usize| (0..width).map(move |column| row * width + column);
        for row in [0, 3, 39] {
            let wanted: Vec<f32> = unpacked(row).map(|i| number(&codes, &scales, block, i)).collect();
            assert_eq!(part(row..row + 1).unpack(), wanted, "row {row}");
        }
        let x: Vec<f32> = (0..5 * width).map(|i| (i as f32 * 0.37).sin()).collect();
        let parts = [part(7..40), part(1..4)];
        let y =
            code_linear(&Tensor::new(x.clone(), &Device::Cpu).unwrap().reshape((5, width)).unwrap(), &parts);
        let y: Vec<Vec<f32>> = y.unwrap().to_vec2().unwrap();
        for (line, x) in y.iter().zip(x.chunks(width)) {
            assert_eq!(line.len(), 36);
            for (value, row) in line.iter().zip((7..40).chain(1..4)) {
                let products = unpacked(row).zip(x).map(|(i, x)| number(&codes, &scales, block, i) * x);
                let wanted: f32 = products.sum();
                assert!((value - wanted).abs() < 1e-4, "row {row}: {value}, not {wanted}");
            }
        }
    }

    #[test]
    fn codes_that_do_not_fit_the_shape_are_refused() {
        let (codes, scales) = ([0u8; 64], [1f32; 2]);
        assert!(CodeMatrix::new(&codes, &scales, &TABLE, (64, 0, 32)).is_ok());
        for shape in
            [(64, 0, 31), (64, 0, 0), (0, 0, 32), (64, 0, 48), (64, 2, 32), (32, 0, 32), (64, 640, 32)]
        {
            assert!(CodeMatrix::new(&codes, &scales, &TABLE, shape).is_err(), "{shape:?}");
        }
    }
}
