//! Group normalisation with its affine step and an optional SiLU, in one pass over memory per group; and the same for
//! maps that are met piece by piece.

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

/// Mean and variance of each group of channels of a map, piece by piece (Chan, Golub and LeVeque 1979).
#[derive(Debug, Clone)]
pub struct GroupMoments {
    /// Values of each group that were measured.
    count: f64,
    /// By batch and group.
    groups: Vec<Moments>,
    per_batch: usize,
}

/// Mean and sum of squared deviations.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    mean: f64,
    squares: f64,
}

impl GroupMoments {
    /// Of nothing yet, for maps with so many groups of channels.
    pub fn new(groups: usize) -> Self {
        Self { count: 0.0, groups: Vec::new(), per_batch: groups }
    }

    /// Adds a piece (batch, channels, ...) of the map.
    pub fn add(&mut self, piece: &Tensor) -> Result<()> {
        let (batch, channels) = (piece.dim(0)?, piece.dim(1)?);
        if self.per_batch == 0 || channels % self.per_batch != 0 {
            bail!("group norm: {channels} channels do not divide into {} groups", self.per_batch);
        }
        let values = piece.flatten_all()?.to_vec1::<f32>()?;
        let size = values.len() / (batch * self.per_batch).max(1);
        if size == 0 {
            return Ok(());
        }
        let added: Vec<Moments> = values.par_chunks(size).map(Moments::of).collect();
        self.groups.resize(added.len(), Moments::default());
        let (old, new) = (self.count, size as f64);
        self.count = old + new;
        for (group, added) in self.groups.iter_mut().zip(added) {
            let apart = added.mean - group.mean;
            group.mean += apart * new / self.count;
            group.squares += added.squares + apart * apart * old * new / self.count;
        }
        Ok(())
    }

    /// What each channel of a map is multiplied by and what is added to it then, (batch * channels) each.
    fn affine(&self, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<(Tensor, Tensor)> {
        let (weights, biases) = (weight.to_vec1::<f32>()?, bias.to_vec1::<f32>()?);
        let per_group = weights.len() / self.per_batch.max(1);
        let (mut scales, mut shifts) = (Vec::new(), Vec::new());
        for batch in self.groups.chunks(self.per_batch.max(1)) {
            let groups = batch.iter().flat_map(|group| std::iter::repeat_n(group, per_group));
            for ((weight, bias), group) in weights.iter().zip(&biases).zip(groups) {
                let scale = weight * (1.0 / (group.squares / self.count + eps).sqrt()) as f32;
                scales.push(scale);
                shifts.push(bias - group.mean as f32 * scale);
            }
        }
        let on_device = |values: Vec<f32>| Tensor::new(values, weight.device());
        Ok((on_device(scales)?, on_device(shifts)?))
    }
}

impl Moments {
    fn of(values: &[f32]) -> Self {
        let mean = mean(values);
        Self { mean: f64::from(mean), squares: squares_around(values, mean) }
    }
}

/// Normalises a piece `x` (batch, channels, ...) of a map by the moments of all of it, scales by `weight` and shifts by
/// `bias` (channels), then applies SiLU.
pub fn group_norm_silu_of(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    moments: &GroupMoments,
    eps: f64,
) -> Result<Tensor> {
    let (scale, shift) = moments.affine(weight, bias, eps)?;
    let (batch, channels) = (x.dim(0)?, x.dim(1)?);
    if scale.elem_count() != batch * channels {
        bail!("group norm: moments of {} channels, not {}", scale.elem_count(), batch * channels);
    }
    if on_cpu(x) {
        return x.contiguous()?.apply_op3_no_bwd(&scale, &shift, &ChannelAffineSilu);
    }
    let flat = x.reshape((batch * channels, ()))?;
    let (scale, shift) = (scale.unsqueeze(1)?, shift.unsqueeze(1)?);
    flat.broadcast_mul(&scale)?.broadcast_add(&shift)?.reshape(x.dims())?.silu()
}

/// Multiplies and shifts each plane of a map by numbers of its own, then applies SiLU.
struct ChannelAffineSilu;

impl CustomOp3 for ChannelAffineSilu {
    fn name(&self) -> &'static str {
        "channel-affine-silu"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
        shift: &CpuStorage,
        shift_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = elements(x, layout, self.name())?;
        let scale = elements(scale, scale_layout, self.name())?;
        let shift = elements(shift, shift_layout, self.name())?;
        if x.is_empty() || scale.len() != shift.len() || x.len() % scale.len().max(1) != 0 {
            bail!("group norm: {} planes do not fit {:?}", scale.len(), layout.dims());
        }
        let area = x.len() / scale.len();
        let mut out = Vec::with_capacity(x.len());
        let target = out.spare_capacity_mut().get_mut(..x.len()).unwrap_or_default();
        let planes = target.par_chunks_mut(area).zip(x.par_chunks(area));
        let affine = scale.par_iter().zip(shift);
        planes.zip(affine).for_each(|((out, x), (&scale, &shift))| affine_plane(x, out, scale, shift, true));
        // SAFETY: the planes are all elements, and each has been written.
        unsafe { out.set_len(x.len()) };
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
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

/// Mean and reciprocal standard deviation of a group.
fn moments(x: &[f32], eps: f64) -> (f32, f32) {
    let mean = mean(x);
    let variance = squares_around(x, mean) / x.len() as f64;
    (mean, (1.0 / (variance + eps).sqrt()) as f32)
}

wide! {
    fn mean(x: &[f32]) -> f32 {
        (sum_of(x, |v| v) / x.len() as f64) as f32
    }
}

wide! {
    /// Sum of the squared distances from a value.
    fn squares_around(x: &[f32], mean: f32) -> f64 {
        sum_of(x, |v| (v - mean) * (v - mean))
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
