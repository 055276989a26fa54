//! Element functions that compilers vectorise, and the macro that compiles a loop for wide registers too.

/// Defines a function whose body is compiled twice, for the baseline processor and for AVX2, and picked at
/// run time. The body must be plain loops over slices.
macro_rules! wide {
    ($(#[$doc:meta])* $visible:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$doc])*
        $visible fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $ty),*) $(-> $ret)? {
                    body($($arg),*)
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has just been found to have the feature.
                    return unsafe { avx2($($arg),*) };
                }
            }
            body($($arg),*)
        }
    };
}
pub(super) use wide;

wide! {
    /// Adds `x` times `factor` to `out`, as far as both reach.
    pub(super) fn add_scaled(x: &[f32], factor: f32, out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out += x * factor;
        }
    }
}

/// e^x to about two units in the last place (Cephes `expf`); arguments are clamped to the finite range.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.3, 88.3);
    let n = x * std::f32::consts::LOG2_E + ROUND;
    let k = n - ROUND;
    let r = x - k * 0.693_359_4 - k * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let mantissa = p * r * r + r + 1.0;
    mantissa * f32::from_bits((n.to_bits() << 23).wrapping_add(0x3f80_0000))
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The error function, by the rational approximation of Eigen; absolute error below 5e-7.
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let s = x * x;
    let mut p = -2.726_142_3e-10;
    p = p * s + 2.770_681_4e-8;
    p = p * s + -2.101_024e-6;
    p = p * s + -5.692_506_5e-5;
    p = p * s + -7.349_906e-4;
    p = p * s + -2.954_6e-3;
    p = p * s + -1.609_603_3e-2;
    let mut q = -1.456_607_2e-5;
    q = q * s + -2.133_740_6e-4;
    q = q * s + -1.682_827e-3;
    q = q * s + -7.373_329e-3;
    q = q * s + -1.426_473_9e-2;
    x * p / q
}

/// Sum of a slice, in sixteen lanes per block of 4096 and in f64 across blocks.
#[inline(always)]
pub(super) fn sum_of(x: &[f32], f: impl Fn(f32) -> f32) -> f64 {
    let mut total = 0f64;
    for block in x.chunks(4096) {
        let mut lanes = [0f32; 16];
        let mut rows = block.chunks_exact(16);
        for row in &mut rows {
            for (lane, &v) in lanes.iter_mut().zip(row) {
                *lane += f(v);
            }
        }
        for (lane, &v) in lanes.iter_mut().zip(rows.remainder()) {
            *lane += f(v);
        }
        total += lanes.iter().map(|&l| f64::from(l)).sum::<f64>();
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_the_standard_library() {
        for i in -8600..8800 {
            let x = i as f32 / 100.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 5e-7, "exp({x})");
        }
    }

    #[test]
    fn erf_agrees_with_known_values() {
        for (x, want) in [(0.0, 0.0), (0.1, 0.112_462_9), (0.5, 0.520_499_9), (1.0, 0.842_700_8)] {
            assert!((erf(x) - want).abs() < 5e-7, "erf({x})");
            assert!((erf(-x) + want).abs() < 5e-7, "erf(-{x})");
        }
        assert!((erf(2.0) - 0.995_322_3).abs() < 5e-7);
        assert!((erf(9.0) - 1.0).abs() < 5e-7);
    }
}
