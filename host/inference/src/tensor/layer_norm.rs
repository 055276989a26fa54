//! Layer normalisation over the last dimension with its affine step.

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::vector::{sum_of, wide};
use super::{elements, on_cpu, working_type};

/// Normalises the last dimension of `x`, scales by `weight` and shifts by `bias` (both of that length).
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    if on_cpu(x) {
        return x.contiguous()?.apply_op3_no_bwd(weight, bias, &LayerNorm { eps });
    }
    let working = working_type(x);
    let wide = x.to_dtype(working)?;
    let centred = wide.broadcast_sub(&wide.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normed = centred.broadcast_div(&(variance + eps)?.sqrt()?)?;
    let scaled = normed.broadcast_mul(&weight.to_dtype(working)?)?;
    scaled.broadcast_add(&bias.to_dtype(working)?)?.to_dtype(x.dtype())
}

struct LayerNorm {
    eps: f64,
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = elements(x, layout, self.name())?;
        let weight = elements(weight, weight_layout, self.name())?;
        let bias = elements(bias, bias_layout, self.name())?;
        let width = weight.len();
        if width == 0 || bias.len() != width || layout.dims().last() != Some(&width) {
            bail!("layer norm: {width} weights do not fit {:?}", layout.dims());
        }
        let mut out = vec![0f32; x.len()];
        let rows = ((1 << 14) / width).max(1);
        out.par_chunks_mut(rows * width).zip(x.par_chunks(rows * width)).for_each(|(out, x)| {
            for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                norm_row(x, weight, bias, out, self.eps);
            }
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

wide! {
    fn norm_row(x: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32], eps: f64) {
        let count = x.len() as f64;
        let mean = (sum_of(x, |v| v) / count) as f32;
        let variance = sum_of(x, |v| (v - mean) * (v - mean)) / count;
        let rstd = (1.0 / (variance + eps).sqrt()) as f32;
        for (((out, &x), &weight), &bias) in out.iter_mut().zip(x).zip(weight).zip(bias) {
            *out = (x - mean) * rstd * weight + bias;
        }
    }
}
