//! Group normalisation with its affine step and an optional SiLU, in one pass over memory per group.

use std::mem::MaybeUninit;

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::vector::{sigmoid, sum_of, wide};
use super::{elements, on_cpu, working_type};

/// Normalises `x` (batch, channels, ...) over `groups` groups of channels, scales by `weight` and shifts by
/// `bias` (channels), then applies SiLU when asked.
pub fn group_norm(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    groups: usize,
    eps: f64,
    silu: bool,
) -> Result<Tensor> {
    let channels = x.dim(1)?;
    if groups == 0 || channels % groups != 0 {
        bail!("group norm: {channels} channels do not divide into {groups} groups");
    }
    if on_cpu(x) {
        return x.contiguous()?.apply_op3_no_bwd(weight, bias, &GroupNorm { groups, eps, silu });
    }
    let dims = x.dims().to_vec();
    let batch = x.dim(0)?;
    let working = working_type(x);
    let (weight, bias) = (weight.to_dtype(working)?, bias.to_dtype(working)?);
    let flat = x.to_dtype(working)?.reshape((batch, groups, ()))?;
    let centred = flat.broadcast_sub(&flat.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normed = centred.broadcast_div(&(variance + eps)?.sqrt()?)?.reshape((batch, channels, ()))?;
    let scaled = normed
        .broadcast_mul(&weight.reshape((1, channels, 1))?)?
        .broadcast_add(&bias.reshape((1, channels, 1))?)?
        .reshape(dims)?;
    if silu { scaled.silu()? } else { scaled }.to_dtype(x.dtype())
}

struct GroupNorm {
    groups: usize,
    eps: f64,
    silu: bool,
}

impl CustomOp3 for GroupNorm {
    fn name(&self) -> &'static str {
        "group-norm"
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
        let channels = weight.len();
        let per_group = channels / self.groups;
        let Some(&batch) = layout.dims().first() else { bail!("group norm: a tensor without dimensions") };
        if x.is_empty() || bias.len() != channels || layout.dims().get(1) != Some(&channels) {
            bail!("group norm: {channels} weights do not fit {:?}", layout.dims());
        }
        let area = x.len() / (batch * channels);
        let mut out = Vec::with_capacity(x.len());
        let target = out.spare_capacity_mut().get_mut(..x.len()).unwrap_or_default();
        target.par_chunks_mut(per_group * area).zip(x.par_chunks(per_group * area)).enumerate().for_each(
            |(index, (out, x))| {
                let first = index % self.groups * per_group;
                let (mean, rstd) = moments(x, self.eps);
                let planes = out.chunks_exact_mut(area).zip(x.chunks_exact(area));
                let affine = weight.iter().zip(bias).skip(first);
                for ((out, x), (&weight, &bias)) in planes.zip(affine) {
                    let scale = weight * rstd;
                    affine_plane(x, out, scale, bias - mean * scale, self.silu);
                }
            },
        );
        // SAFETY: the planes of all groups are all elements, and each has been written.
        unsafe { out.set_len(x.len()) };
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

wide! {
    /// Mean and reciprocal standard deviation of a group.
    fn moments(x: &[f32], eps: f64) -> (f32, f32) {
        let count = x.len() as f64;
        let mean = (sum_of(x, |v| v) / count) as f32;
        let variance = sum_of(x, |v| (v - mean) * (v - mean)) / count;
        (mean, (1.0 / (variance + eps).sqrt()) as f32)
    }
}

wide! {
    fn affine_plane(x: &[f32], out: &mut [MaybeUninit<f32>], scale: f32, shift: f32, silu: bool) {
        if silu {
            for (out, &x) in out.iter_mut().zip(x) {
                let y = x * scale + shift;
                out.write(y * sigmoid(y));
            }
        } else {
            for (out, &x) in out.iter_mut().zip(x) {
                out.write(x * scale + shift);
            }
        }
    }
}
