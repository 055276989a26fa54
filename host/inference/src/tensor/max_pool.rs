//! Halving of feature maps by maximum pooling as PyTorch defines it.

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
}
