//! Vector registers of the processors that kernels are compiled for, and which of them this processor has.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m512, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_min_ps,
    _mm256_mul_ps, _mm256_set1_ps, _mm256_storeu_ps, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_storeu_ps,
};

/// A register of f32 lanes.
///
/// # Safety
/// The functions may be called only on processors that have the register, and pointers must be good for
/// [`Lanes::WIDTH`] elements.
#[allow(clippy::missing_safety_doc, reason = "said once, above")]
pub(super) trait Lanes: Copy {
    /// Lanes of a register.
    const WIDTH: usize;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// The lanes plus the products of two others, rounded once where the processor can.
    unsafe fn plus_product(self, a: Self, b: Self) -> Self;
    /// Negative lanes times `slope`, others as they are.
    unsafe fn rectified(self, slope: f32) -> Self;
}

/// Four lanes of any processor; compilers make vector instructions of them.
#[derive(Clone, Copy)]
pub(super) struct Plain([f32; 4]);

impl Lanes for Plain {
    const WIDTH: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller keeps the pointer good for four elements.
        Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn plus_product(mut self, a: Self, b: Self) -> Self {
        for ((sum, a), b) in self.0.iter_mut().zip(a.0).zip(b.0) {
            // Without the instruction, `mul_add` would be a call.
            *sum = if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
                a.mul_add(b, *sum)
            } else {
                a * b + *sum
            };
        }
        self
    }

    #[inline(always)]
    unsafe fn rectified(self, slope: f32) -> Self {
        Self(self.0.map(|value| value.max(0.0) + slope * value.min(0.0)))
    }
}

/// Implements [`Lanes`] for a register of x86.
#[cfg(target_arch = "x86_64")]
macro_rules! register {
    ($name:ident($width:literal), $splat:ident, $load:ident, $store:ident, $fmadd:ident, $add:ident, $mul:ident, $max:ident, $min:ident) => {
        impl Lanes for $name {
            const WIDTH: usize = $width;

            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                // SAFETY: the caller answers for the processor.
                unsafe { $splat(value) }
            }

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: the caller answers for the processor and the pointer.
                unsafe { $load(from) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: as above.
                unsafe { $store(to, self) }
            }

            #[inline(always)]
            unsafe fn plus_product(self, a: Self, b: Self) -> Self {
                // SAFETY: the caller answers for the processor.
                unsafe { $fmadd(a, b, self) }
            }

            #[inline(always)]
            unsafe fn rectified(self, slope: f32) -> Self {
                // SAFETY: the caller answers for the processor.
                unsafe {
                    let zero = $splat(0.0);
                    $add($max(self, zero), $mul($splat(slope), $min(self, zero)))
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
register!(
    __m256(8),
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    _mm256_mul_ps,
    _mm256_max_ps,
    _mm256_min_ps
);
#[cfg(target_arch = "x86_64")]
register!(
    __m512(16),
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_mul_ps,
    _mm512_max_ps,
    _mm512_min_ps
);

/// A set of instructions that kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instructions {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Instructions {
    /// All of them, the best last.
    const ALL: &[Self] = &[
        Self::Plain,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512,
    ];

    /// True if this processor has them.
    fn available(self) -> bool {
        match self {
            Self::Plain => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => std::arch::is_x86_feature_detected!("avx512f"),
        }
    }

    /// All that this processor has, the best first.
    pub(super) fn every() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().rev().filter(|instructions| instructions.available())
    }

    /// The best that this processor has.
    pub(super) fn best() -> Self {
        Self::every().next().unwrap_or(Self::Plain)
    }
}
