//! Depthwise convolution: every channel is convolved with a kernel of its own.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::vector::add_scaled;
use super::{elements, on_cpu};

/// Convolves each channel of `x` (batch, channels, height, width) with its own kernel of `weight` (channels, 1,
/// kernel, kernel), an odd number of pixels wide, and adds its own `bias` (channels). Stride 1; zeros outside, so
/// that the size stays.
pub fn depthwise_conv2d(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (_, channels, _, _) = x.dims4()?;
    let (out, one, kernel, kernel_width) = weight.dims4()?;
    if out != channels || one != 1 || kernel != kernel_width || kernel % 2 == 0 || bias.dims() != [channels] {
        bail!("depthwise convolution: {:?}, {:?} do not fit {:?}", weight.dims(), bias.dims(), x.dims());
    }
    if on_cpu(x) {
        return x.contiguous()?.apply_op3_no_bwd(weight, bias, &Depthwise);
    }
    let (weight, bias) = (weight.to_dtype(x.dtype())?, bias.to_dtype(x.dtype())?);
    x.conv2d(&weight, kernel / 2, 1, 1, channels)?.broadcast_add(&bias.reshape((1, channels, 1, 1))?)
}

struct Depthwise;

impl CustomOp3 for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise-conv2d"
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
        let (_, channels, height, width) = layout.shape().dims4()?;
        let (_, _, kernel, _) = weight_layout.shape().dims4()?;
        let mut out = vec![0f32; x.len()];
        let plane = (height * width).max(1);
        out.par_chunks_mut(plane).zip(x.par_chunks(plane)).enumerate().for_each(|(task, (out, x))| {
            let channel = task % channels.max(1);
            out.fill(bias.get(channel).copied().unwrap_or(0.0));
            let taps = weight.chunks_exact(kernel * kernel).nth(channel).unwrap_or_default();
            for (tap, &factor) in taps.iter().enumerate() {
                let shift = |at: usize| at as isize - (kernel / 2) as isize;
                add_shifted(x, out, width, shift(tap / kernel), shift(tap % kernel), factor);
            }
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

/// Adds to every pixel of `out` the pixel of `x` that lies `down` rows below and `right` columns beside it, times
/// `factor`; outside there are zeros.
fn add_shifted(x: &[f32], out: &mut [f32], width: usize, down: isize, right: isize, factor: f32) {
    let ahead = |shift: isize| usize::try_from(shift).unwrap_or(0);
    let sources = x.chunks_exact(width).skip(ahead(down));
    let targets = out.chunks_exact_mut(width).skip(ahead(-down));
    for (target, source) in targets.zip(sources) {
        let source = source.get(ahead(right)..).unwrap_or_default();
        let target = target.get_mut(ahead(-right)..).unwrap_or_default();
        add_scaled(source, factor, target);
    }
}
