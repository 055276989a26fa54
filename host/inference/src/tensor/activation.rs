//! Activation functions: SiLU, GELU with the error function or a hyperbolic tangent, quick GELU, and the gated GEGLU and SwiGLU.

use std::mem::MaybeUninit;

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::vector::{erf, sigmoid, wide};
use super::{elements, on_cpu, row_stride};

/// Elements per task.
const CHUNK: usize = 1 << 14;

/// x * sigmoid(x), any shape.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    elementwise(x, silu_slice, |x| x.silu())
}

/// The exact GELU, x * (1 + erf(x / sqrt 2)) / 2, any shape.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    elementwise(x, gelu_slice, |x| x.gelu_erf())
}

/// GELU by its approximation x * (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, any shape.
pub fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    elementwise(x, gelu_tanh_slice, |x| x.gelu())
}

/// x * sigmoid(1.702 x), the activation of OpenAI's CLIP, any shape.
pub fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    elementwise(x, quick_gelu_slice, |x| x * candle_sigmoid(&(x * 1.702)?)?)
}

/// Gated GELU: the last dimension is split in halves `a` and `b`, the result is a * gelu(b).
pub fn geglu(x: &Tensor) -> Result<Tensor> {
    if on_cpu(x) {
        return gated(x, &Gated { name: "geglu", kernel: gated_gelu_row });
    }
    let (a, b) = halves(x)?;
    a * b.gelu_erf()?
}

/// Gated SiLU (SwiGLU): the last dimension is split in halves `a` and `b`, the result is silu(a) * b.
pub fn swiglu(x: &Tensor) -> Result<Tensor> {
    if on_cpu(x) {
        return gated(x, &Gated { name: "swiglu", kernel: gated_silu_row });
    }
    let (a, b) = halves(x)?;
    a.silu()? * b
}

fn gated(x: &Tensor, gate: &Gated) -> Result<Tensor> {
    match row_stride(x.layout()) {
        Some(_) => x.apply_op1_no_bwd(gate),
        None => x.contiguous()?.apply_op1_no_bwd(gate),
    }
}

fn halves(x: &Tensor) -> Result<(Tensor, Tensor)> {
    match x.chunk(2, D::Minus1)?.as_slice() {
        [a, b] => Ok((a.contiguous()?, b.contiguous()?)),
        _ => bail!("gated activation: the last dimension must be even"),
    }
}

fn candle_sigmoid(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

type Kernel = fn(&[f32], &mut [f32]);

fn elementwise(x: &Tensor, kernel: Kernel, stock: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    if on_cpu(x) { x.contiguous()?.apply_op1_no_bwd(&Elementwise(kernel)) } else { stock(x) }
}

struct Elementwise(Kernel);

impl CustomOp1 for Elementwise {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = elements(storage, layout, self.name())?;
        let mut out = vec![0f32; x.len()];
        out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| (self.0)(x, out));
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

/// Computes a row from its two halves.
struct Gated {
    name: &'static str,
    kernel: fn(&[f32], &[f32], &mut [MaybeUninit<f32>]),
}

impl CustomOp1 for Gated {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some(stride) = row_stride(layout) else { bail!("{}: rows lie apart in no order", self.name) };
        let x = storage.as_slice::<f32>()?.get(layout.start_offset()..).unwrap_or_default();
        let mut dims = layout.dims().to_vec();
        let Some(last) = dims.last_mut() else { bail!("{}: a tensor without dimensions", self.name) };
        if *last == 0 || *last % 2 != 0 {
            bail!("{}: the last dimension is {last}, it must be even", self.name);
        }
        let width = *last;
        let half = width / 2;
        *last = half;
        let count: usize = dims.iter().product();
        if count > 0 && x.len() < (count / half - 1) * stride + width {
            bail!("{}: the layout reaches beyond the storage", self.name);
        }
        let mut out = Vec::with_capacity(count);
        let rows = (CHUNK / half).max(1);
        let target = out.spare_capacity_mut().get_mut(..count).unwrap_or_default();
        target.par_chunks_mut(rows * half).zip(x.par_chunks(rows * stride)).for_each(|(out, x)| {
            for (out, x) in out.chunks_exact_mut(half).zip(x.chunks(stride)) {
                let (a, b) = x.get(..width).unwrap_or_default().split_at(half);
                (self.kernel)(a, b, out);
            }
        });
        // SAFETY: every row has been written: the rows of x reach as far, as checked above.
        unsafe { out.set_len(count) };
        Ok((CpuStorage::F32(out), Shape::from(dims)))
    }
}

wide! {
    fn silu_slice(x: &[f32], out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x * sigmoid(x);
        }
    }
}

wide! {
    fn quick_gelu_slice(x: &[f32], out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x * sigmoid(1.702 * x);
        }
    }
}

wide! {
    fn gelu_slice(x: &[f32], out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2));
        }
    }
}

wide! {
    fn gelu_tanh_slice(x: &[f32], out: &mut [f32]) {
        // (1 + tanh(y)) / 2 is sigmoid(2 y); this is 2 sqrt(2/pi).
        const FACTOR: f32 = std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::SQRT_2;
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x * sigmoid(FACTOR * (x + 0.044_715 * x * x * x));
        }
    }
}

wide! {
    fn gated_gelu_row(a: &[f32], b: &[f32], out: &mut [MaybeUninit<f32>]) {
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            out.write(a * 0.5 * b * (1.0 + erf(b * std::f32::consts::FRAC_1_SQRT_2)));
        }
    }
}

wide! {
    fn gated_silu_row(a: &[f32], b: &[f32], out: &mut [MaybeUninit<f32>]) {
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            out.write(a * sigmoid(a) * b);
        }
    }
}
