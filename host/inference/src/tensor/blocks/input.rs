//! The input of a product of blocks, quantised to 8 bits with a scale for every block.

use rayon::prelude::*;

use super::BLOCK;
use crate::tensor::vector::wide;

/// Elements from which on blocks are quantised side by side.
const PARALLEL: usize = 1 << 14;

/// Rows of 8-bit numbers.
pub(super) struct QuantizedInput {
    values: Vec<i8>,
    /// What a value stands for, and the sum that the values of the block stand for.
    scales: Vec<(f32, f32)>,
    /// Sums of the values of each block.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "other processors do without"))]
    sums: Vec<i32>,
    width: usize,
}

impl QuantizedInput {
    /// Quantises rows of `width`, a multiple of the block.
    pub(super) fn new(x: &[f32], width: usize) -> Self {
        let mut values = vec![0i8; x.len()];
        let mut scales = vec![(0f32, 0f32); x.len() / BLOCK];
        let mut sums = vec![0i32; x.len() / BLOCK];
        if x.len() < PARALLEL {
            quantize(x, &mut values, &mut scales, &mut sums);
        } else {
            let blocks = width / BLOCK;
            let scales = scales.par_chunks_mut(blocks).zip(sums.par_chunks_mut(blocks));
            let tasks = values.par_chunks_mut(width).zip(scales);
            x.par_chunks(width).zip(tasks).for_each(|(x, (values, (scales, sums)))| {
                quantize(x, values, scales, sums);
            });
        }
        Self { values, scales, sums, width }
    }

    /// The sums of the values of a row's blocks.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn sums(&self, row: usize) -> &[i32] {
        let blocks = self.width / BLOCK;
        self.sums.get(row * blocks..(row + 1) * blocks).unwrap_or_default()
    }

    /// The values of a row, and scale and sum of its blocks.
    pub(super) fn row(&self, row: usize) -> (&[i8], &[(f32, f32)]) {
        let blocks = self.width / BLOCK;
        let values = self.values.get(row * self.width..(row + 1) * self.width);
        let scales = self.scales.get(row * blocks..(row + 1) * blocks);
        (values.unwrap_or_default(), scales.unwrap_or_default())
    }
}

wide! {
    /// Rounds to the nearest of 255 steps between the largest magnitude and its opposite.
    fn quantize(x: &[f32], values: &mut [i8], scales: &mut [(f32, f32)], sums: &mut [i32]) {
        // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits of the mantissa.
        const ROUND: f32 = 12_582_912.0;
        let blocks = x.as_chunks::<BLOCK>().0.iter().zip(values.as_chunks_mut::<BLOCK>().0);
        for (((x, values), scale), total) in blocks.zip(scales).zip(sums) {
            let mut peaks = [0f32; 8];
            for x in x.as_chunks::<8>().0 {
                for (peak, x) in peaks.iter_mut().zip(x) {
                    *peak = if x.abs() > *peak { x.abs() } else { *peak };
                }
            }
            let peak = peaks.iter().copied().fold(0f32, f32::max);
            let step = peak / 127.0;
            let inverse = if peak > 0.0 && step > 0.0 { 1.0 / step } else { 0.0 };
            let mut sum = 0i32;
            for (value, x) in values.iter_mut().zip(x) {
                *value = (x * inverse + ROUND).to_bits() as i8;
                sum += i32::from(*value);
            }
            *scale = (step, step * sum as f32);
            *total = sum;
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
        let (values, scales) = input.row(0);
        for (place, (value, x)) in values.iter().zip(&x).enumerate() {
            let step = scales[place / BLOCK].0;
            assert!((f32::from(*value) * step - x).abs() <= 0.5001 * step);
        }
        assert_eq!(QuantizedInput::new(&[0.0; 32], 32).row(0), (&[0i8; 32][..], &[(0.0, 0.0)][..]));
    }
}
