//! Rotary position embedding (Su et al., arXiv 2104.09864): pairs of a head's elements turned by their position.

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{elements, on_cpu, working_type};

/// Rows per task.
const ROWS: usize = 64;

/// Which elements of a head form a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// Element i with element i + half the head width.
    Halves,
    /// Elements 2i and 2i + 1.
    Neighbours,
}

/// Turns every pair of `x` (1, rows, heads * head width) by the angle of its row, whose cosines and sines are given as
/// (rows, head width / 2).
pub fn rope(x: &Tensor, cos: &Tensor, sin: &Tensor, pairing: Pairing) -> Result<Tensor> {
    let (batch, rows, width) = x.dims3()?;
    let (turned, pairs) = cos.dims2()?;
    if batch != 1 || rows != turned || pairs == 0 || width % (2 * pairs) != 0 || cos.dims() != sin.dims() {
        bail!("rope: angles {:?} do not fit {:?}", cos.dims(), x.dims());
    }
    if on_cpu(x) {
        return x.contiguous()?.apply_op3_no_bwd(cos, sin, &Rope { pairing });
    }
    let heads = width / (2 * pairs);
    let (dtype, working) = (x.dtype(), working_type(x));
    let x = &x.to_dtype(working)?;
    let (cos, sin) = (cos.to_dtype(working)?.unsqueeze(1)?, sin.to_dtype(working)?.unsqueeze(1)?);
    let turn = |a: &Tensor, b: &Tensor| {
        let first = (a.broadcast_mul(&cos)? - b.broadcast_mul(&sin)?)?;
        let second = (b.broadcast_mul(&cos)? + a.broadcast_mul(&sin)?)?;
        Result::Ok((first, second))
    };
    let turned = match pairing {
        Pairing::Halves => {
            let x = x.reshape((rows, heads, 2 * pairs))?;
            let (a, b) = turn(&x.narrow(D::Minus1, 0, pairs)?, &x.narrow(D::Minus1, pairs, pairs)?)?;
            Tensor::cat(&[a, b], D::Minus1)?
        }
        Pairing::Neighbours => {
            let x = x.reshape((rows, heads, pairs, 2))?;
            let part = |i: usize| x.narrow(D::Minus1, i, 1)?.squeeze(D::Minus1);
            let (a, b) = turn(&part(0)?, &part(1)?)?;
            Tensor::stack(&[a, b], D::Minus1)?
        }
    };
    turned.reshape((batch, rows, width))?.to_dtype(dtype)
}

struct Rope {
    pairing: Pairing,
}

impl CustomOp3 for Rope {
    fn name(&self) -> &'static str {
        "rope"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        cos: &CpuStorage,
        cos_layout: &Layout,
        sin: &CpuStorage,
        sin_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, _, width) = layout.shape().dims3()?;
        let (_, pairs) = cos_layout.shape().dims2()?;
        let x = elements(x, layout, self.name())?;
        let cos = elements(cos, cos_layout, self.name())?;
        let sin = elements(sin, sin_layout, self.name())?;
        let mut out = x.to_vec();
        let angles = cos.par_chunks(ROWS * pairs).zip(sin.par_chunks(ROWS * pairs));
        out.par_chunks_mut(ROWS * width).zip(angles).for_each(|(out, (cos, sin))| {
            let angles = cos.chunks_exact(pairs).zip(sin.chunks_exact(pairs));
            for (row, (cos, sin)) in out.chunks_exact_mut(width).zip(angles) {
                row.chunks_exact_mut(2 * pairs).for_each(|head| self.turn(head, cos, sin));
            }
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

impl Rope {
    fn turn(&self, head: &mut [f32], cos: &[f32], sin: &[f32]) {
        let angles = cos.iter().zip(sin);
        let turn = |a: &mut f32, b: &mut f32, cos: f32, sin: f32| {
            (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
        };
        match self.pairing {
            Pairing::Halves => {
                let (first, second) = head.split_at_mut(cos.len());
                for ((a, b), (&cos, &sin)) in first.iter_mut().zip(second).zip(angles) {
                    turn(a, b, cos, sin);
                }
            }
            Pairing::Neighbours => {
                for ([a, b], (&cos, &sin)) in head.as_chunks_mut::<2>().0.iter_mut().zip(angles) {
                    turn(a, b, cos, sin);
                }
            }
        }
    }
}
