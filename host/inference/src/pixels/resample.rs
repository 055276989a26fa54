//! Size changes that give the bytes that Pillow gives, because the networks' published results rest on them.
//!
//! Pillow (`Resample.c`) filters 8-bit samples with weights of 22 binary digits, across and down one after the other,
//! and rounds to 8 bits in between. When shrinking, the filter is stretched by the factor.

use rayon::prelude::*;

use super::{PictureError, check_samples, check_size};

/// Lobes of the Lanczos filter on each side.
const LOBES: f64 = 3.0;
/// Binary digits of a weight.
const DIGITS: u32 = 22;

/// How samples are weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Cubic convolution with a = -0.5.
    Bicubic,
    /// sinc(x) sinc(x / 3).
    Lanczos,
}

impl Kernel {
    /// How far it reaches, in samples, when nothing shrinks.
    fn reach(self) -> f64 {
        match self {
            Self::Bicubic => 2.0,
            Self::Lanczos => LOBES,
        }
    }

    fn weight(self, x: f64) -> f64 {
        match self {
            Self::Bicubic => cubic(x),
            Self::Lanczos => lanczos(x),
        }
    }
}

/// Resizes samples of one or more channels, interleaved and row by row, from one size (width, height) to another.
///
/// # Errors
/// One of the sizes is empty or too large, or the samples are more or fewer than the first asks for.
pub fn resize(
    samples: &[u8],
    channels: usize,
    from: (u32, u32),
    to: (u32, u32),
    kernel: Kernel,
) -> Result<Vec<u8>, PictureError> {
    check_samples(samples, channels, from)?;
    check_size(to.0, to.1)?;
    let (columns, rows) = (kernel.windows(from.0, to.0), kernel.windows(from.1, to.1));
    let across = |samples: Vec<u8>| match &columns {
        Some(columns) => resize_rows(&samples, channels, from.0 as usize, columns),
        None => samples,
    };
    let down = |samples: Vec<u8>, width: u32| match &rows {
        Some(rows) => resize_columns(&samples, width as usize * channels, rows),
        None => samples,
    };
    Ok(if is_down_first(from, to) {
        across(down(samples.to_vec(), from.0))
    } else {
        down(across(samples.to_vec()), to.0)
    })
}

/// True where Pillow 13 filters down before it filters across: where the height loses more than twice as many pixels as
/// the width. The order decides the last bit, because of the rounding in between. Earlier versions always filter across
/// first.
fn is_down_first(from: (u32, u32), to: (u32, u32)) -> bool {
    let lost = |from: u32, to: u32| i64::from(from) - i64::from(to);
    lost(from.1, to.1) > 0 && 2 * lost(from.0, to.0) < lost(from.1, to.1)
}

/// The input samples that an output sample is made of: the first, and the weights of it and those after it.
struct Window {
    first: usize,
    weights: Vec<i32>,
}

impl Kernel {
    /// What each of `to` output samples is made of; none where the size stays and nothing has to be done.
    fn windows(self, from: u32, to: u32) -> Option<Vec<Window>> {
        let scale = f64::from(from) / f64::from(to);
        let stretch = scale.max(1.0);
        let reach = self.reach() * stretch;
        let window = |i: u32| {
            let centre = (f64::from(i) + 0.5) * scale;
            // Casts cut off at 0 below, as Pillow does.
            let first = (centre - reach + 0.5) as usize;
            let end = ((centre + reach + 0.5) as usize).min(from as usize);
            let weights: Vec<f64> =
                (first..end).map(|x| self.weight((x as f64 - centre + 0.5) / stretch)).collect();
            let sum: f64 = weights.iter().sum();
            let fixed = |weight: f64| {
                let scaled = weight / sum * f64::from(1 << DIGITS);
                (scaled + 0.5f64.copysign(scaled)) as i32
            };
            Window { first, weights: weights.into_iter().map(fixed).collect() }
        };
        (from != to).then(|| (0..to).map(window).collect())
    }
}

/// The cubic convolution kernel (Keys, 1981).
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// sinc(x) sinc(x / 3) between -3 and 3.
fn lanczos(x: f64) -> f64 {
    if (-LOBES..LOBES).contains(&x) { sinc(x) * sinc(x / LOBES) } else { 0.0 }
}

fn sinc(x: f64) -> f64 {
    let angle = x * std::f64::consts::PI;
    if x == 0.0 { 1.0 } else { angle.sin() / angle }
}

/// A sum of weighted samples, rounded to a sample.
fn rounded(sum: i32) -> u8 {
    ((sum + (1 << (DIGITS - 1))) >> DIGITS).clamp(0, 255) as u8
}

/// Brings rows of `from` pixels to one pixel per window.
fn resize_rows(samples: &[u8], channels: usize, from: usize, windows: &[Window]) -> Vec<u8> {
    let mut out = vec![0; samples.len() / from * windows.len()];
    let rows = out.par_chunks_mut(windows.len() * channels).zip(samples.par_chunks(from * channels));
    rows.for_each(|(out, row)| {
        for (pixel, window) in out.chunks_exact_mut(channels).zip(windows) {
            let source = row.get(window.first * channels..).unwrap_or_default();
            for (channel, sample) in pixel.iter_mut().enumerate() {
                let source = source.iter().skip(channel).step_by(channels);
                *sample = rounded(source.zip(&window.weights).map(|(&s, &w)| i32::from(s) * w).sum());
            }
        }
    });
    out
}

/// Brings rows of `row_length` samples to one row per window.
fn resize_columns(samples: &[u8], row_length: usize, windows: &[Window]) -> Vec<u8> {
    let mut out = vec![0; row_length * windows.len()];
    out.par_chunks_mut(row_length).zip(windows).for_each_init(
        || vec![0i32; row_length],
        |sums, (out, window)| {
            sums.fill(0);
            let rows = samples.chunks_exact(row_length).skip(window.first);
            for (row, &weight) in rows.zip(&window.weights) {
                for (sum, &sample) in sums.iter_mut().zip(row) {
                    *sum += i32::from(sample) * weight;
                }
            }
            for (sample, &sum) in out.iter_mut().zip(sums.iter()) {
                *sample = rounded(sum);
            }
        },
    );
    out
}
