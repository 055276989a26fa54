//! The sums of a run of pixels for a few output channels, kept in registers until they are complete.

use crate::tensor::lanes::{Instructions, Lanes, Plain};

/// Registers along a run of pixels.
const RUN: usize = 3;

impl Instructions {
    /// Pixels of one run.
    pub(super) fn run(self) -> usize {
        RUN * match self {
            Self::Plain => Plain::WIDTH,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 8,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 16,
        }
    }

    /// Most output channels of one run whose sums fit into the registers.
    fn widest(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 8,
            _ => 4,
        }
    }

    /// How many of `left` output channels to compute together: 8, 4, 2 or 1.
    pub(super) fn group(self, left: usize) -> usize {
        let mut group = self.widest();
        while group > left.max(1) {
            group /= 2;
        }
        group
    }
}

/// Some output channels over a stretch of pixels.
pub(super) struct Stretch<'a> {
    /// First pixel of the first plane of the input.
    pub(super) input: *const f32,
    /// Elements from one plane of the input to the next.
    pub(super) plane: usize,
    /// Planes of the input.
    pub(super) channels: usize,
    /// Where the pixels that a kernel meets lie, from the first of them on.
    pub(super) taps: &'a [usize],
    /// Kernels: for each plane and tap, one weight for each output channel.
    pub(super) weights: &'a [f32],
    /// One value for each output channel.
    pub(super) bias: &'a [f32],
    /// One slope for each output channel.
    pub(super) slopes: &'a [f32],
    /// Runs of pixels to compute.
    pub(super) runs: usize,
    /// The result of the first output channel.
    pub(super) output: *mut f32,
    /// Elements from the result of one output channel to the next.
    pub(super) step: usize,
}

impl Stretch<'_> {
    /// Computes as many output channels as there are biases: a [`Instructions::group`].
    ///
    /// # Safety
    /// The processor must have the instructions. `input` must be good for reads of `channels` planes, of which the taps
    /// reach `runs` whole runs further, `output` for writes of `runs` runs in each of its planes, and no other may use
    /// them.
    pub(super) unsafe fn compute(&self, instructions: Instructions) {
        debug_assert!(self.weights.len() == self.channels * self.taps.len() * self.bias.len());
        // SAFETY: the caller answers for all of it.
        unsafe {
            match instructions {
                Instructions::Plain => by_group::<Plain>(self),
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx2 => avx2(self),
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx512 => avx512(self),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(stretch: &Stretch) {
    // SAFETY: the caller answers for the memory, this function for the instructions.
    unsafe { by_group::<std::arch::x86_64::__m256>(stretch) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512(stretch: &Stretch) {
    // SAFETY: as above.
    unsafe { by_group::<std::arch::x86_64::__m512>(stretch) }
}

#[inline(always)]
unsafe fn by_group<V: Lanes>(stretch: &Stretch) {
    // SAFETY: the caller answers for all of it.
    unsafe {
        match stretch.bias.len() {
            8 => compute::<V, 8>(stretch),
            4 => compute::<V, 4>(stretch),
            2 => compute::<V, 2>(stretch),
            _ => compute::<V, 1>(stretch),
        }
    }
}

#[inline(always)]
unsafe fn compute<V: Lanes, const GROUP: usize>(stretch: &Stretch) {
    let Some((bias, _)) = stretch.bias.split_first_chunk::<GROUP>() else { return };
    let Some((slopes, _)) = stretch.slopes.split_first_chunk::<GROUP>() else { return };
    for run in 0..stretch.runs {
        let first = run * RUN * V::WIDTH;
        // SAFETY: the caller answers for the instructions and the memory; weights are read in order, as many as the
        // slice holds.
        unsafe {
            let mut sums = [[V::splat(0.0); RUN]; GROUP];
            for (sums, &bias) in sums.iter_mut().zip(bias) {
                *sums = [V::splat(bias); RUN];
            }
            let mut plane = stretch.input.add(first);
            let mut weights = stretch.weights.as_ptr();
            for _ in 0..stretch.channels {
                for &tap in stretch.taps {
                    let mut pixels = [V::splat(0.0); RUN];
                    for (number, pixels) in pixels.iter_mut().enumerate() {
                        *pixels = V::load(plane.add(tap + number * V::WIDTH));
                    }
                    for sums in &mut sums {
                        let weight = V::splat(*weights);
                        weights = weights.add(1);
                        for (sum, pixels) in sums.iter_mut().zip(pixels) {
                            *sum = sum.plus_product(pixels, weight);
                        }
                    }
                }
                plane = plane.add(stretch.plane);
            }
            for (number, (sums, &slope)) in sums.into_iter().zip(slopes).enumerate() {
                let output = stretch.output.add(number * stretch.step + first);
                for (number, sum) in sums.into_iter().enumerate() {
                    sum.rectified(slope).store(output.add(number * V::WIDTH));
                }
            }
        }
    }
}
