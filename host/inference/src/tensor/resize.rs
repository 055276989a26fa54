//! Halving and enlarging of feature maps: maximum pooling and bilinear interpolation as PyTorch defines them.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::vector::wide;
use super::{elements, on_cpu};

/// The maximum of every 2x2 square of (batch, channels, height, width); at odd sides the last squares are cut
/// (`MaxPool2d(2, stride=2, ceil_mode=True)`).
pub fn max_pool_halving(x: &Tensor) -> Result<Tensor> {
    if on_cpu(x) {
        return x.contiguous()?.apply_op1_no_bwd(&MaxPool);
    }
    let (_, _, height, width) = x.dims4()?;
    x.pad_with_same(2, 0, height % 2)?.pad_with_same(3, 0, width % 2)?.max_pool2d(2)
}

/// Resizes (batch, channels, height, width) by bilinear interpolation between pixel centres
/// (`interpolate(mode="bilinear", align_corners=False)`).
pub fn resize_bilinear(x: &Tensor, height: usize, width: usize) -> Result<Tensor> {
    let (_, _, from_height, from_width) = x.dims4()?;
    if (from_height, from_width) == (height, width) {
        return Ok(x.clone());
    }
    if on_cpu(x) {
        return x.contiguous()?.apply_op1_no_bwd(&Bilinear { height, width });
    }
    x.upsample_bilinear2d(height, width, false)
}

struct MaxPool;

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max-pool"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = elements(storage, layout, self.name())?;
        let (batch, channels, height, width) = layout.shape().dims4()?;
        if x.is_empty() {
            bail!("max pool: an empty map {:?}", layout.dims());
        }
        let (out_height, out_width) = (height.div_ceil(2), width.div_ceil(2));
        let mut out = vec![0f32; batch * channels * out_height * out_width];
        let planes = out.par_chunks_mut(out_height * out_width).zip(x.par_chunks(height * width));
        planes.for_each(|(out, plane)| {
            for (out, rows) in out.chunks_exact_mut(out_width).zip(plane.chunks(2 * width)) {
                let (upper, lower) = rows.split_at(width);
                pool_rows(upper, if lower.is_empty() { upper } else { lower }, out);
            }
        });
        Ok((CpuStorage::F32(out), Shape::from((batch, channels, out_height, out_width))))
    }
}

wide! {
    fn pool_rows(upper: &[f32], lower: &[f32], out: &mut [f32]) {
        let ((upper, upper_rest), (lower, lower_rest)) = (upper.as_chunks::<2>(), lower.as_chunks::<2>());
        for ((out, &[a, b]), &[c, d]) in out.iter_mut().zip(upper).zip(lower) {
            *out = a.max(b).max(c.max(d));
        }
        if let (Some(out), &[a], &[b]) = (out.last_mut(), upper_rest, lower_rest) {
            *out = a.max(b);
        }
    }
}

struct Bilinear {
    height: usize,
    width: usize,
}

impl CustomOp1 for Bilinear {
    fn name(&self) -> &'static str {
        "resize-bilinear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = elements(storage, layout, self.name())?;
        let (batch, channels, height, width) = layout.shape().dims4()?;
        if x.is_empty() || self.height == 0 || self.width == 0 {
            bail!("resize: {:?} cannot become {}x{}", layout.dims(), self.height, self.width);
        }
        let rows = taps(height, self.height);
        let columns = taps(width, self.width);
        let mut out = vec![0f32; batch * channels * self.height * self.width];
        let planes = out.par_chunks_mut(self.height * self.width).zip(x.par_chunks(height * width));
        planes.for_each_init(
            || vec![0f32; width],
            |mixed, (out, plane)| {
                for (out, tap) in out.chunks_exact_mut(self.width).zip(&rows) {
                    let row = |y: usize| plane.get(y * width..(y + 1) * width).unwrap_or_default();
                    mix_rows(row(tap.first), row(tap.second), tap.share, mixed);
                    for (out, tap) in out.iter_mut().zip(&columns) {
                        let value = |x: usize| mixed.get(x).copied().unwrap_or_default();
                        *out = value(tap.first) * (1.0 - tap.share) + value(tap.second) * tap.share;
                    }
                }
            },
        );
        Ok((CpuStorage::F32(out), Shape::from((batch, channels, self.height, self.width))))
    }
}

wide! {
    fn mix_rows(first: &[f32], second: &[f32], share: f32, out: &mut [f32]) {
        for ((out, &first), &second) in out.iter_mut().zip(first).zip(second) {
            *out = first * (1.0 - share) + second * share;
        }
    }
}

/// The two samples that an output sample lies between, and the share of the second.
struct Tap {
    first: usize,
    second: usize,
    share: f32,
}

/// Where each output sample lies in the input: sample centres are at `(i + 1/2) * from / to - 1/2`, not below 0.
fn taps(from: usize, to: usize) -> Vec<Tap> {
    let scale = from as f32 / to as f32;
    (0..to)
        .map(|i| {
            let place = ((i as f32 + 0.5) * scale - 0.5).max(0.0);
            let first = (place as usize).min(from.saturating_sub(1));
            Tap { first, second: (first + 1).min(from.saturating_sub(1)), share: place - first as f32 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn odd_sides_are_pooled_to_the_larger_half() {
        let x = Tensor::from_vec((0..15).map(|i| i as f32).collect(), (1, 1, 3, 5), &Device::Cpu).unwrap();
        let y = max_pool_halving(&x).unwrap();
        assert_eq!(y.dims(), [1, 1, 2, 3]);
        assert_eq!(y.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [6.0, 8.0, 9.0, 11.0, 13.0, 14.0]);
    }

    /// Numbers from `torch.nn.functional.interpolate` of 0, 1, 4 to five samples.
    #[test]
    fn samples_lie_between_pixel_centres() {
        let x = Tensor::new(&[[[[0f32, 1.0, 4.0]]]], &Device::Cpu).unwrap();
        let y = resize_bilinear(&x, 1, 5).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (ours, wanted) in y.iter().zip([0.0, 0.4, 1.0, 2.8, 4.0]) {
            assert!((ours - wanted).abs() < 1e-6, "{y:?}");
        }
    }
}
