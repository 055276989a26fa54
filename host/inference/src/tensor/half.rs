//! Half precision as it is stored in files.

use std::mem::MaybeUninit;

use super::vector::wide;

/// How numbers are stored, the low byte first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of single precision.
    BF16,
}

impl Precision {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }
}

/// Widens stored numbers, exactly. There must be as many as `target` takes; all of it is written.
pub(super) fn widen(precision: Precision, bytes: &[u8], target: &mut [MaybeUninit<f32>]) {
    debug_assert_eq!(bytes.len(), target.len() * precision.bytes());
    match precision {
        Precision::F32 => copy_f32(bytes, target),
        Precision::F16 => {
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx") && std::arch::is_x86_feature_detected!("f16c") {
                // SAFETY: the processor has just been found to have the instructions.
                return unsafe { widen_f16_by_eight(bytes, target) };
            }
            widen_f16(bytes, target);
        }
        Precision::BF16 => widen_bf16(bytes, target),
    }
}

fn copy_f32(bytes: &[u8], target: &mut [MaybeUninit<f32>]) {
    for (target, bytes) in target.iter_mut().zip(bytes.as_chunks().0) {
        target.write(f32::from_le_bytes(*bytes));
    }
}

fn widen_f16(bytes: &[u8], target: &mut [MaybeUninit<f32>]) {
    for (target, bytes) in target.iter_mut().zip(bytes.as_chunks().0) {
        target.write(half_to_f32(u16::from_le_bytes(*bytes)));
    }
}

wide! {
    fn widen_bf16(bytes: &[u8], target: &mut [MaybeUninit<f32>]) {
        for (target, bytes) in target.iter_mut().zip(bytes.as_chunks().0) {
            target.write(f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16));
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx,f16c")]
fn widen_f16_by_eight(bytes: &[u8], target: &mut [MaybeUninit<f32>]) {
    use std::arch::x86_64::{_mm_loadu_si128, _mm256_cvtph_ps, _mm256_storeu_ps};

    let (blocks, rest) = bytes.as_chunks::<16>();
    let (targets, rest_target) = target.as_chunks_mut::<8>();
    for (block, target) in blocks.iter().zip(targets) {
        // SAFETY: 16 bytes are read of the 16 there are, and eight numbers written to where there is room for them.
        unsafe {
            let halves = _mm_loadu_si128(block.as_ptr().cast());
            _mm256_storeu_ps(target.as_mut_ptr().cast(), _mm256_cvtph_ps(halves));
        }
    }
    widen_f16(rest, rest_target);
}

/// IEEE half precision to single precision, exact.
pub(crate) fn half_to_f32(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let magnitude = u32::from(half & 0x7fff);
    let shifted = f32::from_bits(magnitude << 13);
    let value = if magnitude >= 0x7c00 {
        f32::from_bits((magnitude << 13) | 0x7f80_0000)
    } else {
        // Re-bias the exponent from 15 to 127 by an exact power of two, which handles subnormals too.
        shifted * f32::from_bits((127 + 112) << 23)
    };
    f32::from_bits(value.to_bits() | sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_widens_exactly() {
        for (half, want) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x0001, 5.960_464_5e-8),
            (0x7bff, 65504.0),
            (0x3555, 0.333_251_95),
        ] {
            assert_eq!(half_to_f32(half), want);
        }
        assert!(half_to_f32(0x7c00).is_infinite() && half_to_f32(0x7e00).is_nan());
    }

    #[test]
    fn every_half_widens_to_the_same_bits_by_eight_and_alone() {
        let halves: Vec<u16> = (0..=u16::MAX).filter(|half| half & 0x7fff <= 0x7c00).skip(3).collect();
        let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
        let mut target = vec![MaybeUninit::uninit(); halves.len()];
        widen(Precision::F16, &bytes, &mut target);
        for (half, wide) in halves.iter().zip(target) {
            // SAFETY: all have been written.
            let wide = unsafe { wide.assume_init() };
            assert_eq!(wide.to_bits(), half_to_f32(*half).to_bits(), "{half:#x}");
        }
    }
}
