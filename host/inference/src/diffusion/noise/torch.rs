//! Noise as PyTorch's CPU generator gives it, so that a seed means the same picture as in diffusers.

use std::f64::consts::TAU;

use super::NoiseSource;
use super::mersenne::Mersenne;

/// From this many values on, PyTorch fills blocks of sixteen; below it draws pairs in double precision.
const BLOCK: usize = 16;

/// `torch.Generator().manual_seed(seed)` with `torch.randn` in float32.
pub struct TorchGenerator {
    words: Mersenne,
    /// The second value of a double-precision pair, kept for the next draw.
    spare: Option<f64>,
}

impl TorchGenerator {
    /// The generator of a seed. PyTorch uses its low 32 bits.
    pub fn new(seed: u64) -> Self {
        Self { words: Mersenne::new(seed as u32), spare: None }
    }

    /// A float in [0, 1) from 24 random bits.
    fn uniform(&mut self) -> f32 {
        (self.words.word() & 0x00ff_ffff) as f32 / 16_777_216.0
    }

    /// A double in [0, 1) from 53 random bits.
    fn uniform_wide(&mut self) -> f64 {
        let high = u64::from(self.words.word());
        let low = u64::from(self.words.word());
        (((high << 32) | low) & ((1 << 53) - 1)) as f64 / (1u64 << 53) as f64
    }

    /// One normal value in double precision, from a Box-Muller pair.
    fn normal_wide(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let turn = TAU * self.uniform_wide();
        let radius = (-2.0 * (-self.uniform_wide()).ln_1p()).sqrt();
        self.spare = Some(radius * turn.sin());
        radius * turn.cos()
    }

    fn fill_uniform(&mut self, values: &mut [f32]) {
        values.iter_mut().for_each(|v| *v = self.uniform());
    }
}

/// Turns sixteen uniform values into normal ones: the first half gives radii, the second half angles.
fn normal_block(block: &mut [f32]) {
    let (radii, angles) = block.split_at_mut(BLOCK / 2);
    for (a, b) in radii.iter_mut().zip(angles) {
        let radius = (-2.0 * (1.0 - *a).ln()).sqrt();
        let angle = std::f32::consts::TAU * *b;
        *a = radius * angle.cos();
        *b = radius * angle.sin();
    }
}

impl NoiseSource for TorchGenerator {
    fn draw(&mut self, count: usize) -> Vec<f32> {
        if count < BLOCK {
            return (0..count).map(|_| self.normal_wide() as f32).collect();
        }
        let mut values = vec![0f32; count];
        self.fill_uniform(&mut values);
        values.chunks_exact_mut(BLOCK).for_each(normal_block);
        if !count.is_multiple_of(BLOCK) {
            // What does not fill a block is replaced: the last sixteen values are drawn afresh.
            if let Some(tail) = values.last_chunk_mut::<BLOCK>() {
                self.fill_uniform(tail);
                normal_block(tail);
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ours: &[f32], torch: &[f32]) {
        for (ours, torch) in ours.iter().zip(torch) {
            assert!((ours - torch).abs() < 2e-6, "{ours} is not {torch}");
        }
    }

    #[test]
    fn short_draws_are_those_of_torch() {
        let drawn = TorchGenerator::new(0).draw(6);
        close(&drawn, &[1.540_996, -0.293_429, -2.178_789, 0.568_431, -1.084_522, -1.398_595]);
    }

    #[test]
    fn long_draws_are_those_of_torch() {
        let drawn = TorchGenerator::new(42).draw(20);
        close(&drawn, &[1.926_915, 1.487_284, 0.900_717, -2.105_521]);
    }

    #[test]
    fn an_odd_short_draw_keeps_its_spare_value_for_the_next() {
        let whole = TorchGenerator::new(3).draw(6);
        let mut generator = TorchGenerator::new(3);
        let parts = [generator.draw(1), generator.draw(5)].concat();
        assert_eq!(whole, parts);
    }

    #[test]
    fn seeds_beyond_32_bits_wrap_as_in_torch() {
        assert_eq!(TorchGenerator::new(7).draw(32), TorchGenerator::new(7 + (1 << 32)).draw(32));
    }
}
