//! Root-mean-square normalisation (Zhang and Sennrich, arXiv 1910.07467), one pass per row.

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::vector::{sum_of, wide};
use super::{elements, on_cpu, working_type};

/// Elements per task.
const CHUNK: usize = 1 << 14;

/// x / sqrt(mean(x^2) + eps) * weight. The mean runs over runs of as many elements as `weight` (width) has, of which
/// the last dimension of `x` holds one, or several that are normalised each on its own, as heads are.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    if on_cpu(x) {
        return x.contiguous()?.apply_op2_no_bwd(weight, &RmsNorm { eps });
    }
    let working = working_type(x);
    let runs = x.to_dtype(working)?.reshape(((), weight.elem_count()))?;
    let mean = runs.sqr()?.mean_keepdim(D::Minus1)?;
    let normed = runs.broadcast_div(&(mean + eps)?.sqrt()?)?;
    normed.broadcast_mul(&weight.to_dtype(working)?)?.reshape(x.shape())?.to_dtype(x.dtype())
}

struct RmsNorm {
    eps: f64,
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = elements(x, layout, self.name())?;
        let weight = elements(weight, weight_layout, self.name())?;
        let width = weight.len();
        if width == 0 || layout.dims().last().is_none_or(|last| last % width != 0) {
            bail!("rms norm: {width} weights do not fit {:?}", layout.dims());
        }
        let mut out = vec![0f32; x.len()];
        let rows = (CHUNK / width).max(1);
        out.par_chunks_mut(rows * width).zip(x.par_chunks(rows * width)).for_each(|(out, x)| {
            for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                norm_row(x, weight, out, self.eps);
            }
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

wide! {
    fn norm_row(x: &[f32], weight: &[f32], out: &mut [f32], eps: f64) {
        let mean = sum_of(x, |v| v * v) / x.len() as f64;
        let scale = (1.0 / (mean + eps).sqrt()) as f32;
        for ((out, &x), &weight) in out.iter_mut().zip(x).zip(weight) {
            *out = x * scale * weight;
        }
    }
}
