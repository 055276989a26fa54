//! The affine map of linear layers as one matrix product with the bias added in it.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};
use gemm::Parallelism;

use super::{elements, on_cpu};

/// `x` (..., in) times the transpose of `weight` (out, in), plus `bias` (out): (..., out).
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    if on_cpu(x) {
        let x = x.contiguous()?;
        return match bias {
            Some(bias) => x.apply_op3_no_bwd(weight, bias, &Linear),
            None => x.apply_op2_no_bwd(weight, &Linear),
        };
    }
    let (out, width) = weight.dims2()?;
    let mut dims = x.dims().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = out;
    }
    let y = x.reshape(((), width))?.matmul(&weight.t()?)?.reshape(dims)?;
    match bias {
        Some(bias) => y.broadcast_add(bias),
        None => Ok(y),
    }
}

struct Linear;

impl Linear {
    fn product(
        x: &[f32],
        layout: &Layout,
        weight: &[f32],
        weight_layout: &Layout,
        bias: Option<&[f32]>,
    ) -> Result<(CpuStorage, Shape)> {
        let (out, width) = weight_layout.shape().dims2()?;
        let mut dims = layout.dims().to_vec();
        if dims.last() != Some(&width) || bias.is_some_and(|b| b.len() != out) {
            bail!("linear: a {out}x{width} weight does not fit {:?}", layout.dims());
        }
        if let Some(last) = dims.last_mut() {
            *last = out;
        }
        let rows = if width == 0 { 0 } else { x.len() / width };
        let mut y = match bias {
            Some(bias) => bias.repeat(rows),
            None => vec![0f32; rows * out],
        };
        // SAFETY: x is rows*width, weight is out*width and y is rows*out elements, all contiguous, as checked
        // above, and y overlaps neither operand.
        unsafe {
            gemm::gemm(
                rows,
                out,
                width,
                y.as_mut_ptr(),
                1,
                out as isize,
                bias.is_some(),
                x.as_ptr(),
                1,
                width as isize,
                weight.as_ptr(),
                width as isize,
                1,
                1.0,
                1.0,
                false,
                false,
                false,
                Parallelism::Rayon(0),
            );
        }
        Ok((CpuStorage::F32(y), Shape::from(dims)))
    }
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = elements(x, layout, "linear")?;
        let weight = elements(weight, weight_layout, "linear")?;
        Linear::product(x, layout, weight, weight_layout, None)
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
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
        let x = elements(x, layout, "linear")?;
        let weight = elements(weight, weight_layout, "linear")?;
        let bias = elements(bias, bias_layout, "linear")?;
        Linear::product(x, layout, weight, weight_layout, Some(bias))
    }
}
