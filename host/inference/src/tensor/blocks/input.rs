//! The input of a product of blocks, quantised to 8 bits with a scale for every block.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::BLOCK;
use crate::tensor::vector::wide;

/// Elements from which on rows are quantised side by side.
const PARALLEL: usize = 1 << 14;

/// A block of 8-bit numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub(super) struct InputBlock {
    pub(super) values: [i8; BLOCK],
    /// What a value of 1 stands for.
    pub(super) step: f32,
    /// What the values stand for together.
    pub(super) total: f32,
    /// Their sum.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "other processors do without"))]
    pub(super) sum: i32,
}

/// Rows of 8-bit numbers.
pub(super) struct QuantizedInput {
    blocks: Vec<InputBlock>,
    row_blocks: usize,
}

impl QuantizedInput {
    /// Quantises rows of `width`, a multiple of the block.
    pub(super) fn new(x: &[f32], width: usize) -> Self {
        let row_blocks = width / BLOCK;
        let count = x.len() / BLOCK;
        let mut blocks = Vec::with_capacity(count);
        let places = blocks.spare_capacity_mut().get_mut(..count).unwrap_or_default();
        if x.len() < PARALLEL {
            quantize(x, places);
        } else {
            let rows = places.par_chunks_mut(row_blocks).zip(x.par_chunks(width));
            rows.for_each(|(places, x)| quantize(x, places));
        }
        // SAFETY: every block of every row has been written.
        unsafe { blocks.set_len(count) };
        Self { blocks, row_blocks }
    }

    /// Blocks of each row.
    pub(super) fn row_blocks(&self) -> usize {
        self.row_blocks
    }

    /// The blocks of a row.
    pub(super) fn row(&self, row: usize) -> &[InputBlock] {
        self.blocks.get(row * self.row_blocks..(row + 1) * self.row_blocks).unwrap_or_default()
    }
}

wide! {
    /// Rounds to the nearest of 255 steps between the largest magnitude and its opposite.
    fn quantize(x: &[f32], places: &mut [MaybeUninit<InputBlock>]) {
        // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits of the mantissa.
        const ROUND: f32 = 12_582_912.0;
        for (x, place) in x.as_chunks::<BLOCK>().0.iter().zip(places) {
            let mut peaks = [0f32; 8];
            for x in x.as_chunks::<8>().0 {
                for (peak, x) in peaks.iter_mut().zip(x) {
                    *peak = if x.abs() > *peak { x.abs() } else { *peak };
                }
            }
            let peak = peaks.iter().copied().fold(0f32, f32::max);
            let step = peak / 127.0;
            let inverse = if peak > 0.0 && step > 0.0 { 1.0 / step } else { 0.0 };
            let mut values = [0i8; BLOCK];
            let mut sum = 0i32;
            for (value, x) in values.iter_mut().zip(x) {
                *value = (x * inverse + ROUND).to_bits() as i8;
                sum += i32::from(*value);
            }
            place.write(InputBlock { values, step, total: step * sum as f32, sum });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_within_half_a_step() {
        let x: Vec<f32> =
            (0..96).map(|i| ((i * 37 % 101) as f32 - 50.0) * 1e-3 * (1 + i / 32) as f32).collect();
        let input = QuantizedInput::new(&x, 96);
        for (block, x) in input.row(0).iter().zip(x.chunks(BLOCK)) {
            for (value, x) in block.values.iter().zip(x) {
                assert!((f32::from(*value) * block.step - x).abs() <= 0.5001 * block.step);
            }
        }
        let nothing = InputBlock { values: [0; BLOCK], step: 0.0, total: 0.0, sum: 0 };
        assert_eq!(QuantizedInput::new(&[0.0; 32], 32).row(0), [nothing]);
    }
}
