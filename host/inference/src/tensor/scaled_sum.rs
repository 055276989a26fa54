//! A sum of which one part is scaled column by column.

use std::mem::MaybeUninit;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::vector::wide;
use super::{elements, on_cpu};

/// `x` plus `part`, both (..., width), the columns of `part` multiplied by `scale` (width).
pub fn add_scaled_columns(x: &Tensor, part: &Tensor, scale: &Tensor) -> Result<Tensor> {
    if on_cpu(x) {
        let (x, part, scale) = (x.contiguous()?, part.contiguous()?, scale.contiguous()?);
        return x.apply_op3_no_bwd(&part, &scale, &AddScaledColumns);
    }
    x + part.broadcast_mul(scale)?
}

struct AddScaledColumns;

impl CustomOp3 for AddScaledColumns {
    fn name(&self) -> &'static str {
        "add-scaled-columns"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        part: &CpuStorage,
        part_layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, part) = (elements(x, x_layout, self.name())?, elements(part, part_layout, self.name())?);
        let scale = elements(scale, scale_layout, self.name())?;
        if x_layout.dims() != part_layout.dims() || x_layout.dims().last() != Some(&scale.len()) {
            bail!("{}: {:?} and {:?} do not fit", self.name(), x_layout.dims(), part_layout.dims());
        }
        let width = scale.len().max(1);
        let mut sums = Vec::with_capacity(x.len());
        let places = sums.spare_capacity_mut().get_mut(..x.len()).unwrap_or_default();
        let rows = x.par_chunks(width).zip(part.par_chunks(width));
        places.par_chunks_mut(width).zip(rows).for_each(|(sums, (x, part))| add_row(x, part, scale, sums));
        // SAFETY: every row of the shape has been written.
        unsafe { sums.set_len(x.len()) };
        Ok((CpuStorage::F32(sums), x_layout.shape().clone()))
    }
}

wide! {
    fn add_row(x: &[f32], part: &[f32], scale: &[f32], sums: &mut [MaybeUninit<f32>]) {
        for (sum, (x, (part, scale))) in sums.iter_mut().zip(x.iter().zip(part.iter().zip(scale))) {
            sum.write(x + part * scale);
        }
    }
}
